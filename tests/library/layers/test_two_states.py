"""Units of two states that have two logits are categorical, and no two binary units."""

import warnings

import keras
import numpy as np
import pytest
from scipy import special

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

Q, P = np.random.default_rng(0).normal(size=(2, 6, 3, 2)).astype("float32")


def kl(q, p):
    """KL of independent units in nats, for each example, float64."""
    log_q, log_p = (special.log_softmax(np.float64(x), axis=-1) for x in (q, p))
    return np.sum(np.exp(log_q) * (log_q - log_p), axis=(-1, -2))


@pytest.mark.parametrize("prior", ["uniform", "learned", "given"])
def test_the_term_of_a_prior_is_that_of_two_masses(prior):
    layer = kc.ConcreteSample(0.5, prior=prior, kl_objective="analytic", seed=0)
    given = [P] if prior == "given" else []
    for training in (False, True):
        layer(Q, *given, training=training)
        if prior == "learned":
            [logits] = layer.trainable_weights
            logits.assign(P[0])
            layer(Q, training=training)
        [found] = layer.losses
        expected = kl(Q, {"uniform": 0 * P, "learned": P[:1], "given": P}[prior])
        np.testing.assert_allclose(found, expected.mean(), rtol=1e-5)


@pytest.mark.parametrize("estimator", ["concrete", "straight_through"])
def test_one_sample_of_it_has_the_same_mean(estimator):
    layer = kc.ConcreteSample(
        0.5,
        4000,
        estimator=estimator,
        prior="given",
        kl_objective="relaxed",
        kl_weight=1.0,
        seed=0,
    )
    layer(Q, P)
    log_q, log_p = (special.log_softmax(np.float64(x), axis=-1) for x in (Q, P))
    ratio = log_q - log_p
    second = np.sum(np.exp(log_q) * ratio**2, axis=-1)
    first = np.sum(np.exp(log_q) * ratio, axis=-1)
    variance = np.sum(second - first**2, axis=-1).mean() / (4000 * len(Q))
    # 5 standard errors: false alarm once in a million seeds.
    assert abs(layer.losses[0] - kl(Q, P).mean()) < 5 * np.sqrt(variance) < 0.1


def test_a_bound_with_such_units_is_that_of_enumeration():
    inputs = keras.Input((4,))
    logits = keras.layers.Reshape((3, 2))(keras.layers.Dense(6)(inputs))
    state = kc.ConcreteSample(0.5, prior="uniform", seed=0)(logits)
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(state))
    model = keras.Model(inputs, outputs)
    x = np.eye(4, dtype="float32")
    estimate = kc.evaluate_bound(
        model, x, 20_000, log_likelihood=kc.BernoulliLogLikelihood(), verbose=False
    )
    states = np.eye(2)[np.indices((2, 2, 2)).reshape(3, -1).T].reshape(8, 6)
    weights = [np.float64(weight) for weight in model.layers[-1].get_weights()]
    pixels = states @ weights[0] + weights[1]
    log_p = [special.log_expit(np.where(row, pixels, -pixels)).sum(-1) for row in x]
    exact = special.logsumexp(np.asarray(log_p), axis=-1) - 3 * np.log(2)
    # 20,000 of 8 states: the bound is the likelihood to within its noise.
    np.testing.assert_allclose(estimate.bounds, exact, atol=0.05)


def test_two_codes_that_are_chosen_alike_tell_nothing():
    sampler = kc.ConcreteSample(1.0, prior="uniform", seed=0)
    codebook = kc.CategoricalCodebook(2, 3, sampler, codes_initializer="ones")
    codebook(np.ones((4, 5, 3), "float32"), training=True)
    np.testing.assert_allclose(codebook.losses, [0.0], atol=1e-6)


SCORES = {
    "a density": lambda node: kc.ConcreteLogProb(0.5)(node, Q),
    "a KL": lambda node: kc.RelaxedKL(posterior_temperature=0.5, prior_temperature=0.5)(
        node, Q, P
    ),
    "the bound of pairs": lambda node: kc.MultiSampleBound("disarm")(
        np.zeros((6, 2), "float32"), np.zeros((6, 2), "float32"), [Q, node]
    ),
}


@pytest.mark.parametrize("score", SCORES)
def test_layers_for_binary_units_refuse_them(score):
    estimator = "disarm" if "pairs" in score else "concrete"
    sampler = kc.ConcreteSample(0.5, return_node=True, estimator=estimator, name="draw")
    _, node = sampler(Q)
    message = r"'draw' draws units of two logits each.* BinaryConcreteSample"
    with pytest.raises(ValueError, match=message):
        SCORES[score](node)
    codebook = kc.CategoricalCodebook(2, 3, sampler)
    _, node, _ = codebook(np.ones((6, 3, 3), "float32"))
    with pytest.raises(ValueError, match=message):
        SCORES[score](node)


def test_two_logits_are_probabilities_if_they_sum_to_1_and_are_mended_by_a_logarithm():
    values = np.random.default_rng(0).uniform(size=(10, 2)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        kc.ConcreteSample(0.5, seed=0)(values)
    with pytest.warns(UserWarning, match=r"or pass log\(p\) in place of"):
        kc.ConcreteSample(0.5, seed=0)(special.softmax(values, axis=-1))
