"""What an estimator is not for is refused, with what to use instead."""

import numpy as np
import pytest

import keras_concrete as kc

TERMS = np.zeros((4, 1), "float32")


def network(estimator, num_samples, **kwargs):
    return kc.SigmoidBeliefNetwork(
        "2H-3V", num_samples=num_samples, estimator=estimator, **kwargs
    )


def scored_states(num_states):
    """Terms, and the logits and node of units, as "disarm" reads them."""
    logits = np.zeros((4, 3, num_states), "float32")
    sample = kc.ConcreteSample(1.0, 2, True, estimator="disarm")
    _, node = sample(logits, training=True)
    score = kc.ConcreteLogProb(1.0, num_states, sample_axis=True)
    log_q = score(node, logits, training=True)
    return np.zeros((4, 2), "float32"), log_q, [logits, node]


def side_by_side(estimator):
    """Two layers of pairs, which are drawn beside each other."""
    logits = np.zeros((4, 3), "float32")
    sample = [
        kc.BinaryConcreteSample(
            1.0, num_samples=2, return_node=True, estimator=estimator, name=name
        )
        for name in ("first", "second")
    ]
    nodes = [layer(logits)[1] for layer in sample]
    scores = [kc.ConcreteLogProb(1.0, sample_axis=True)(node, logits) for node in nodes]
    return [np.zeros((4, 2), "float32")], scores, [logits, nodes[0]]


def of_samples_that_were_there():
    """A layer that draws for an axis which another has made."""
    logits = np.zeros((4, 2, 3), "float32")
    sample = kc.BinaryConcreteSample(
        1.0, return_node=True, estimator="arm", sample_axis=True, name="second"
    )
    _, node = sample(logits)
    log_q = kc.ConcreteLogProb(1.0, sample_axis=True)(node, logits)
    return [np.zeros((4, 2), "float32")], [log_q], [logits, node]


def kl(**kwargs):
    return kc.RelaxedKL(posterior_temperature=1.0, prior_temperature=1.0, **kwargs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kc.MultiSampleBound("vimco")(TERMS, TERMS), "at least 2.*'nvil'"),
        (lambda: kc.MultiSampleBound("vimco")(*(TERMS[:, 0],) * 2), "at least 2"),
        (
            lambda: kc.MultiSampleBound("nvil")(*(np.zeros((4, 2)),) * 2),
            "one sample, .*; for more use 'vimco'",
        ),
        (lambda: kc.MultiSampleBound("nvil")(TERMS, TERMS), "triple .*0 conditions"),
        (
            lambda: kc.MultiSampleBound("nvil")(TERMS, [TERMS] * 2, [TERMS]),
            "1 conditions, 2 terms",
        ),
        (lambda: kc.MultiSampleBound("reinforce_loo")(TERMS, TERMS), "at least 2"),
        (
            lambda: kc.MultiSampleBound("reweighted_wake_sleep")(TERMS, TERMS),
            "'reweighted_wake_sleep' compares each sample.* at least 2; .*'nvil'",
        ),
        (lambda: kc.MultiSampleBound("disarm")(TERMS, TERMS), "an even `num_samples`"),
        (lambda: kc.MultiSampleBound("disarm")(*(TERMS[:, 0],) * 2), "an even"),
        (
            lambda: kc.MultiSampleBound("disarm")(*(np.zeros((4, 2)),) * 2),
            r"\[logits, node\].*0 conditions",
        ),
        (lambda: network("arm", 2, arity=4), "'disarm' or 'reinforce_loo'"),
        (
            lambda: kc.MultiSampleBound()(*scored_states(4)),
            r"MultiSampleBound .* units of num_states=2.*4 states: pass num_states=4",
        ),
        (
            lambda: kc.MultiSampleBound()(*side_by_side("disarm")),
            "in pairs: one sampler .*'second' does not fit .*'reinforce_loo'",
        ),
        (
            lambda: kc.MultiSampleBound()(*side_by_side("arm")),
            "in pairs: one sampler .*'second' does not fit",
        ),
        (
            lambda: kc.MultiSampleBound()(*of_samples_that_were_there()),
            "in pairs: one sampler .*'second' does not fit",
        ),
        (lambda: kc.ConcreteSample(1.0, estimator="gaussian"), "is for binary units"),
        (
            lambda: kc.ConcreteLogProb(1.0, 3, estimator="gaussian"),
            "is for binary units.*'logistic_normal'",
        ),
        (
            lambda: network("gaussian", 1, arity=4),
            "is for binary units",
        ),
        (
            lambda: kl(estimator="vimco"),
            "The estimator 'vimco' has its gradient from the bound",
        ),
        (
            lambda: kl(objective="relaxed_mass", estimator="gumbel_softmax"),
            "`objective` must be 'relaxed' or 'analytic'",
        ),
        (lambda: kc.MultiSampleBound("magic"), "`estimator` must be one of 'concrete'"),
        (lambda: kc.ConcreteLogProb(1.0, estimator="magic"), "must be one of"),
        (lambda: network("vimco", 1), "at least 2"),
        (lambda: network("nvil", 2), "one sample"),
    ],
)
def test_an_estimator_that_does_not_fit_is_refused_with_advice(make, message):
    with pytest.raises(ValueError, match=message):
        make()
