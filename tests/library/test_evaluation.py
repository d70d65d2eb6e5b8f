"""The K-sample bound against enumeration."""

import gc

import keras
import numpy as np
import pytest
from belief_oracle import all_images, log_likelihood

import keras_concrete as kc
from keras_concrete import weight_sums


@pytest.fixture(scope="module")
def model():
    """Six latent bits, trained a little so that posterior and prior differ."""
    model = kc.SigmoidBeliefNetwork("3H~3H-5V", num_samples=3, seed=1)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    images = all_images(5)[[0, 3, 7, 7, 7, 31, 30, 30]]
    model.fit(np.repeat(images, 8, 0), epochs=30, verbose=0)
    return model


def test_the_bound_converges_to_the_log_likelihood_by_enumeration(model):
    images = all_images(5)
    exact = log_likelihood(model, images)
    estimate = kc.evaluate_bound(model, images, num_samples=50_000, verbose=False)
    error = 1 / np.sqrt(estimate.effective_sample_sizes)
    assert np.all(np.abs(estimate.bounds - exact) < 5 * error)
    assert np.max(np.abs(estimate.bounds - exact)) < 0.05
    assert estimate.num_samples == 50_000 and not estimate.training


def test_more_samples_bring_the_mean_bound_closer_and_never_above(model):
    images = np.repeat(all_images(5), 20, 0)
    exact = log_likelihood(model, images).mean()
    means = []
    for num_samples in (1, 5, 50):
        estimate = kc.evaluate_bound(model, images, num_samples, verbose=False)
        means.append(estimate.mean)
    assert means[0] < means[1] < means[2] < exact + 0.01


@pytest.mark.parametrize("training", [False, True])
def test_estimates_of_p_sum_to_one_over_all_images(model, training):
    """Both graphs define a distribution over images: a bound on log p is one on it."""
    estimate = kc.evaluate_bound(
        model, all_images(5), num_samples=50_000, training=training, verbose=False
    )
    error = np.exp(estimate.bounds) / np.sqrt(estimate.effective_sample_sizes)
    total = np.exp(estimate.bounds).sum()
    assert abs(total - 1) < 5 * np.sqrt(np.sum(error**2))
    assert abs(total - 1) < 0.03


def test_with_one_sample_the_bound_is_the_elbo(model):
    """In order, too: the images come back as they went in, over several batches."""
    images = np.repeat(all_images(5), 500, 0)
    estimate = kc.evaluate_bound(model, images, 1, verbose=False)
    elbo = np.asarray(model.log_weights(images, 1, seed=9))[:, 0]
    per_image = [values.reshape(32, 500) for values in (estimate.bounds, elbo)]
    error = np.sqrt(sum(values.var(1) / 500 for values in per_image))
    difference = per_image[0].mean(1) - per_image[1].mean(1)
    assert np.all(np.abs(difference) < 4.5 * error + 1e-6)


@pytest.mark.parametrize("num_samples", [7, 2001])
def test_a_number_of_samples_that_no_chunk_divides_uses_just_its_weights(num_samples):
    estimate = kc.evaluate_bound(
        _Constant(-3.0), all_images(5), num_samples=num_samples, verbose=False
    )
    np.testing.assert_allclose(estimate.bounds, -3.0, atol=1e-5)
    np.testing.assert_allclose(estimate.effective_sample_sizes, num_samples, rtol=1e-3)


class _Constant:
    """A model whose log-weights are one number."""

    def __init__(self, value):
        self.value = value

    def log_weights(self, x, num_samples, training, seed):
        return keras.ops.full((x.shape[0], num_samples), self.value)


def test_evaluation_is_repeatable_and_leaves_the_model_as_it_was(model):
    before = [keras.ops.convert_to_numpy(v.value) for v in model.variables]
    for training in (False, True):
        bounds = [
            kc.evaluate_bound(
                model, all_images(5), 10, training=training, seed=3, verbose=False
            ).bounds
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*bounds)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.reliability
@pytest.mark.parametrize(
    ("num_pixels", "tolerance"),
    [(784, 1e-4), (49_152, 1e-3)],
    ids=["784 pixels", "49152 pixels"],
)
def test_large_images_are_scored_as_exactly_as_small_ones(num_pixels, tolerance, figures):
    """Without kernels the pixels are independent, and the bound is known."""
    model = kc.SigmoidBeliefNetwork(f"2H-{num_pixels}V", seed=0)
    for weight in model.weights:
        if weight.name == "kernel":
            weight.assign(np.zeros(weight.shape))
    generator = np.random.default_rng(0)
    bias = generator.normal(size=num_pixels).astype("float32").astype("float64")
    model.get_layer("likelihood_logits").bias.assign(bias)
    x = generator.integers(0, 2, (8, num_pixels))
    exact = (x * bias - np.logaddexp(0, bias)).sum(1)
    estimate = kc.evaluate_bound(model, x, 150, verbose=False)
    # Float32 rounds a number of this size to 2e-3, to either side.
    error = abs(np.mean(estimate.bounds - exact))
    figures["nats that the mean bound is off"] = (f"below {tolerance:g}", f"{error:.1e}")
    assert error < tolerance
    np.testing.assert_allclose(estimate.bounds, exact, atol=3 * tolerance)
    np.testing.assert_allclose(estimate.effective_sample_sizes, 150, rtol=1e-6)


def test_a_second_evaluation_compiles_nothing():
    small = kc.SigmoidBeliefNetwork("2H-5V", seed=0)
    for seed in (0, 1):
        kc.evaluate_bound(small, all_images(5), 30, seed=seed, verbose=False)
    (function,) = weight_sums._COMPILED[small][small].values()
    assert function.experimental_get_tracing_count() == 1


def test_a_second_evaluation_with_a_layer_compiles_nothing_and_keeps_no_other():
    x = keras.Input((5,))
    state = kc.BinaryConcreteSample(0.5, prior="uniform")(keras.layers.Dense(2)(x))
    model = keras.Model(x, keras.layers.Dense(5)(state))

    def bounds(log_likelihood):
        settings = {"log_likelihood": log_likelihood, "verbose": False}
        return kc.evaluate_bound(model, all_images(5), 30, **settings).bounds

    likelihood = kc.BernoulliLogLikelihood()
    first = bounds(likelihood)
    np.testing.assert_array_equal(bounds(likelihood), first)
    (function,) = weight_sums._COMPILED[model][likelihood].values()
    assert function.experimental_get_tracing_count() == 1
    del likelihood
    gc.collect()
    another = kc.BernoulliLogLikelihood()
    np.testing.assert_array_equal(bounds(another), first)
    assert list(weight_sums._COMPILED[model]) == [another]
    # A function may read what has changed since.
    factor = 1.0

    def changing(x, logits):
        return factor * kc.BernoulliLogLikelihood()(x, logits)

    np.testing.assert_allclose(bounds(changing), first, rtol=1e-6)
    factor = 2.0
    assert np.all(bounds(changing) < first)


def test_a_progress_bar_is_shown_or_a_function_is_told(capsys):
    model, images, told = _Constant(0.0), all_images(3), []
    kc.evaluate_bound(model, images, 30_000)
    assert "4/4" in capsys.readouterr().out
    kc.evaluate_bound(model, images, 30_000, progress=lambda *done: told.append(done))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert capsys.readouterr().out == ""


def test_bad_arguments_are_refused(model):
    with pytest.raises(ValueError, match="`num_samples` must be a positive integer"):
        kc.evaluate_bound(model, all_images(5), 0)
    with pytest.raises(ValueError, match="at least one example"):
        kc.evaluate_bound(model, np.zeros((0, 5)))
