"""Estimators without bias have the exact gradient on the mean, in every layer.

The exact one is that of enumeration, which agrees with differences of a float64 oracle.
"""

import belief_oracle
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_concrete as kc
from keras_concrete import estimators

FALSE_ALARM = 1e-6  # Of each statistical test, over all its weights; seeds are fixed.
IMAGES = np.array([[1, 0, 1], [0, 1, 1]], "float32")
CONTEXTS = np.array([[0, 1], [1, 1]], "float32")
DENSITY, N_ARY, PREDICTION = "2H-2H-3V", "2H~4H-3V", "2V-2H-2H-3V"


def network(architecture, estimator="concrete", num_samples=1, arity=2):
    """A network with random weights; those of p and q are the same for all."""
    model = kc.SigmoidBeliefNetwork(
        architecture, arity, num_samples=num_samples, estimator=estimator, seed=0
    )
    generator = np.random.default_rng(3)
    for variable in model.weights:
        if "surrogate" not in variable.path:
            variable.assign(generator.normal(0, 0.7, variable.shape))
    for variable in model.trainable_weights:  # Of a control variate that has learned.
        if "surrogate" in variable.path:
            variable.assign(generator.normal(0, 0.3, variable.shape))
    return model


def data(model):
    return (CONTEXTS, IMAGES) if model.is_conditional else IMAGES


def network_weights(model):
    return [w for w in model.trainable_weights if "surrogate" not in w.path]


def exact_gradients(model, num_samples):
    """Of the mean over the images of the exact bound, a dict of arrays."""
    weights = network_weights(model)
    with tf.GradientTape() as tape:
        bound = tf.reduce_mean(kc.exact_bound(model, data(model), num_samples))
    gradients = tape.gradient(bound, [w.value for w in weights])
    return {w.path: np.asarray(g) for w, g in zip(weights, gradients, strict=True)}


# --- Enumeration --------------------------------------------------------------------

ENUMERATED = [(DENSITY, 2, 1), (DENSITY, 2, 2), (N_ARY, 4, 1), (PREDICTION, 2, 2)]


@pytest.mark.parametrize(("architecture", "arity", "num_samples"), ENUMERATED)
def test_enumeration_has_the_value_and_the_gradient_of_the_oracle(
    architecture, arity, num_samples
):
    model = network(architecture, arity=arity)
    weights = belief_oracle.weights_of(model)

    def mean_bound(weights):
        return belief_oracle.mean_bound(model, weights, data(model), num_samples)

    bounds = kc.exact_bound(model, data(model), num_samples)
    assert bounds.shape == (2,)
    assert np.mean(bounds) == pytest.approx(mean_bound(weights), abs=1e-5)
    ours = exact_gradients(model, num_samples)
    expected = belief_oracle.gradients(mean_bound, weights, ours)
    for path, gradient in expected.items():
        np.testing.assert_allclose(ours[path], gradient, atol=3e-5, err_msg=path)


@pytest.mark.parametrize("arity", [2, 4])
@pytest.mark.parametrize("estimator", estimators.names())
def test_enumeration_is_the_same_for_every_estimator(estimator, arity):
    if arity > 2 and estimators.get(estimator).binary_only:
        pytest.skip("for binary units")
    if estimator == "gaussian":
        pytest.skip("has masses of its own at equal logits")
    num_samples = 1 if estimator == "nvil" else 2
    bounds = [
        kc.exact_bound(network("4H-2H-3V", name, size, arity), IMAGES)
        for name, size in (("concrete", 1), (estimator, num_samples))
    ]
    np.testing.assert_allclose(*bounds, rtol=1e-5)


def test_what_is_too_much_to_enumerate_is_refused_with_a_remedy():
    model = kc.SigmoidBeliefNetwork("9H-9H-3V", seed=0)
    with pytest.raises(ValueError, match=r"262144 joint .* 18 units.*65536.*vimco"):
        kc.exact_bound(model, IMAGES)
    with pytest.raises(ValueError, match=r"num_samples=5.*fewer units or a smaller"):
        kc.exact_bound(network(DENSITY), IMAGES, 5)
    with pytest.raises(ValueError, match="`num_samples` must be a positive integer"):
        kc.exact_bound(network(DENSITY), IMAGES, 0)


# --- Estimators ---------------------------------------------------------------------

# Architecture, estimator, num_samples, arity, and the m of the L_m that it maximises.
CASES = [
    (DENSITY, "vimco", 2, 2, 2),
    (DENSITY, "reinforce_loo", 3, 2, 1),
    (N_ARY, "reinforce_loo", 2, 4, 1),
    (PREDICTION, "reinforce_loo", 2, 2, 1),
    (DENSITY, "disarm", 2, 2, 1),
    (DENSITY, "disarm", 4, 2, 1),
    (PREDICTION, "disarm", 2, 2, 1),
    (N_ARY, "disarm", 4, 4, 1),
    (DENSITY, "arm", 2, 2, 1),
    (DENSITY, "rebar", 1, 2, 1),
    (N_ARY, "rebar", 1, 4, 1),
    (PREDICTION, "rebar", 1, 2, 1),
    (DENSITY, "relax", 4, 2, 1),
    (N_ARY, "relax", 3, 4, 1),
    (PREDICTION, "relax", 2, 2, 1),
]
BATCHES, ROWS = 100, 2000
BY_ENUMERATION = {"nvil", "reinforce", "reinforce_running_mean", "muprop"}  # Of noise.


def test_every_estimator_that_claims_to_be_unbiased_is_put_to_the_test():
    claimed = {n for n in estimators.names() if estimators.get(n).is_unbiased}
    assert claimed == {case[1] for case in CASES} | BY_ENUMERATION


def batch_means(model):
    """Means of the gradient over the rows of each batch, `(batches, parameters)`."""
    weights = [w.value for w in network_weights(model)]
    parts = (CONTEXTS if model.is_conditional else IMAGES, IMAGES)
    x, y = (np.repeat(part, ROWS, 0) for part in parts)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        gradients = tape.gradient(loss, weights)
        return -tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)

    averages, batches = model.non_trainable_weights, []
    start = [np.array(average) for average in averages]
    for _ in range(BATCHES):
        batches.append(gradient())
        for average, value in zip(averages, start, strict=True):
            average.assign(value)
    return np.stack(batches)


@pytest.mark.parametrize(
    ("architecture", "estimator", "num_samples", "arity", "objective"), CASES
)
def test_the_mean_gradient_is_the_exact_one_in_every_layer(
    architecture, estimator, num_samples, arity, objective
):
    """A t-test of the batches' means in each weight."""
    model = network(architecture, estimator, num_samples, arity)
    exact = exact_gradients(model, objective)
    means = batch_means(model)
    flat = np.concatenate([np.ravel(gradient) for gradient in exact.values()])
    p_values = stats.ttest_1samp(means, flat).pvalue
    ends = np.cumsum([gradient.size for gradient in exact.values()])[:-1]
    for path, found in zip(exact, np.split(p_values, ends), strict=True):
        assert found.min() > FALSE_ALARM / len(flat), path
    # A bias of seven standard errors, 0.03, would be found.
    assert np.std(means, axis=0).max() / np.sqrt(BATCHES) < 0.0045
    assert np.abs(flat).max() > 0.2
