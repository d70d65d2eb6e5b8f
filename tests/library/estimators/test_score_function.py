"""Score-function estimators are unbiased: their mean gradient is the exact one.

Means over draws are exact, by `every_draw`.
"""

import numpy as np
import pytest
import tensorflow as tf
from every_draw import data, exact_gradients, mean_gradients, network
from scipy import stats

import keras_concrete as kc
from keras_concrete import estimators

FALSE_ALARM = 1e-6  # Of each statistical test, over all its weights; seeds are fixed.

Reinforce = type(estimators.get("reinforce"))
Nvil = type(estimators.get("nvil"))


class PlainNvilSurrogate(Nvil.surrogate):
    """NVIL without what rescales the gradient by design."""

    normalize_variance = False
    hidden_units = 3


class PlainNvil(Nvil):
    name = "nvil_unnormalized"
    surrogate = PlainNvilSurrogate


class WithoutScore(Reinforce):
    """A negative control: samples as if they did not depend on q."""

    name = "without_score"
    surrogate = estimators.Surrogate


@pytest.fixture(autouse=True)
def _more_estimators(monkeypatch):
    registered = dict(estimators.registry._ESTIMATORS)
    monkeypatch.setattr(estimators.registry, "_ESTIMATORS", registered)
    estimators.register(PlainNvil())
    estimators.register(WithoutScore())


def largest_error(ours, exact):
    return max(np.max(np.abs(ours[path] - exact[path])) for path in exact)


DENSITY, N_ARY = "2H-2H-3V", "2H~4H-3V"
PREDICTION = "2V-2H-2H-3V"
CASES = [
    (DENSITY, "vimco", 2, 2),
    (DENSITY, "vimco", 3, 2),
    (DENSITY, "nvil_unnormalized", 1, 2),
    (DENSITY, "reinforce", 1, 2),
    (DENSITY, "reinforce", 2, 2),
    (DENSITY, "reinforce_running_mean", 1, 2),
    (DENSITY, "reinforce_running_mean", 2, 2),
    (DENSITY, "muprop", 2, 2),
    (N_ARY, "muprop", 1, 4),
    (PREDICTION, "muprop", 1, 2),
    (N_ARY, "vimco", 2, 4),
    (N_ARY, "nvil_unnormalized", 1, 4),
    ("1H~2H~3V", "nvil_unnormalized", 1, 2),
    (PREDICTION, "vimco", 2, 2),
    (PREDICTION, "nvil_unnormalized", 1, 2),
    (PREDICTION, "reinforce", 2, 2),
    (PREDICTION, "reinforce_running_mean", 1, 2),
    ("2V~2H-2H-3V", "vimco", 2, 4),
]


@pytest.mark.parametrize(("architecture", "estimator", "num_samples", "arity"), CASES)
def test_the_mean_gradient_is_that_of_the_exact_bound_in_every_weight(
    architecture, estimator, num_samples, arity, monkeypatch
):
    model = network(architecture, estimator, num_samples, arity=arity)
    exact = exact_gradients(model)
    ours = mean_gradients(model, monkeypatch)
    assert all(np.abs(gradient).max() > 1e-3 for gradient in exact.values())
    for path, gradient in exact.items():
        np.testing.assert_allclose(ours[path], gradient, atol=3e-5, err_msg=path)


@pytest.mark.parametrize("architecture", [DENSITY, PREDICTION])
def test_the_test_above_would_find_a_missing_score_or_a_biased_estimator(
    architecture, monkeypatch
):
    exact = exact_gradients(network(architecture, "reinforce", 2))
    for estimator in ("without_score", "straight_through"):
        model = network(architecture, estimator, 2)
        assert largest_error(mean_gradients(model, monkeypatch), exact) > 0.02


def test_without_the_score_the_gradient_of_p_is_still_right(monkeypatch):
    """So the error above is the missing term, and nothing else."""
    model = network(DENSITY, "without_score", 2)
    exact = exact_gradients(model)
    ours = mean_gradients(model, monkeypatch)
    of_p = {k: v for k, v in exact.items() if not k.startswith("posterior")}
    assert largest_error(ours, of_p) < 3e-5


@pytest.mark.parametrize(
    ("architecture", "estimator", "num_samples"),
    [
        (DENSITY, "vimco", 2),
        (DENSITY, "nvil_unnormalized", 1),
        (PREDICTION, "reinforce", 1),
    ],
)
def test_drawn_noise_gives_the_exact_gradient_on_the_mean(
    architecture, estimator, num_samples
):
    """With the package's own noise: a t-test of batch means in each weight."""
    model = network(architecture, estimator, num_samples)
    exact = exact_gradients(model)
    weights = [w for w in model.trainable_weights if w.path in exact]
    x, y = (np.repeat(part, 500, 0) for part in data(model))
    averages = model.non_trainable_weights

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        return tape.gradient(loss, [w.value for w in weights])

    batches, start = [], [tf.identity(v) for v in averages]
    for _ in range(200):
        batches.append(np.concatenate([-np.ravel(g) for g in gradients()]))
        for average, value in zip(averages, start, strict=True):
            average.assign(value)
    exact = np.concatenate([np.ravel(exact[w.path]) for w in weights])
    p_values = stats.ttest_1samp(batches, exact).pvalue
    assert p_values.min() > FALSE_ALARM / len(p_values)
    assert np.std(batches, axis=0).max() < 0.2  # A bias of 0.1 would be found.


@pytest.mark.parametrize("estimator", ["reinforce_running_mean", "nvil", "relax"])
def test_a_batch_of_no_examples_leaves_averages_as_they_were(estimator):
    """As a replica gets one where the last batch has fewer rows than replicas."""
    layer, generator = kc.MultiSampleBound(estimator), np.random.default_rng(0)
    conditions = {"nvil": [(4,)], "relax": [(3,), (2, 3)]}.get(estimator)

    def run(rows):
        def draw(shape):
            return generator.normal(size=(rows, *shape)).astype("float32")

        given = [draw(shape) for shape in conditions] if conditions else None
        samples = (1,) if estimator == "nvil" else (2,)
        return layer(draw(samples), draw(samples), given, training=True)

    run(5)
    before = [np.array(weight) for weight in layer.weights]
    assert any(np.any(value != 0) for value in before)
    assert run(0).shape == (0,)
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value, err_msg=weight.path)
