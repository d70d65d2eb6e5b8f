"""What an estimator is not for is refused, with what to use instead."""

import numpy as np
import pytest

import keras_concrete as kc

TERMS = np.zeros((4, 1), "float32")


def network(estimator, num_samples, **kwargs):
    return kc.SigmoidBeliefNetwork(
        "2H-3V", num_samples=num_samples, estimator=estimator, **kwargs
    )


def kl(**kwargs):
    return kc.RelaxedKL(posterior_temperature=1.0, prior_temperature=1.0, **kwargs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kc.MultiSampleBound("vimco")(TERMS, TERMS), "at least 2.*'nvil'"),
        (lambda: kc.MultiSampleBound("vimco")(*(TERMS[:, 0],) * 2), "at least 2"),
        (
            lambda: kc.MultiSampleBound("nvil")(*(np.zeros((4, 2)),) * 2),
            "one sample; for more use 'vimco'",
        ),
        (lambda: kc.MultiSampleBound("nvil")(TERMS, TERMS), "triple .*0 conditions"),
        (
            lambda: kc.MultiSampleBound("nvil")(TERMS, [TERMS] * 2, [TERMS]),
            "1 conditions, 2 terms",
        ),
        (lambda: kc.MultiSampleBound("reinforce_loo")(TERMS, TERMS), "at least 2"),
        (lambda: kc.MultiSampleBound("disarm")(TERMS, TERMS), "an even `num_samples`"),
        (lambda: kc.MultiSampleBound("disarm")(*(TERMS[:, 0],) * 2), "an even"),
        (
            lambda: kc.MultiSampleBound("disarm")(*(np.zeros((4, 2)),) * 2),
            r"\[logits, node\].*0 conditions",
        ),
        (lambda: network("disarm", 2, arity=4), "'reinforce_loo'"),
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
