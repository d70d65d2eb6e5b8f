"""The bound of a number of samples that the client names."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import keras_concrete as kc
from keras_concrete.serving import streamed_bound

ROWS = 3


class _KnownWeights:
    """Log-weights that count: those of a chunk are the first of a fixed sequence."""

    def __init__(self):
        self.asked = []

    def log_weights(self, x, num_samples, training=False, seed=None):
        self.asked.append(int(num_samples))
        start = sum(self.asked[:-1])
        numbers = tf.range(start, start + num_samples)
        return tf.cast(tf.tile(numbers[None], (ROWS, 1)), tf.float32) / 10


@pytest.mark.parametrize("num_samples", [1, 99, 100, 101, 250, 1000])
def test_each_sample_counts_once(num_samples):
    model = _KnownWeights()
    ours = streamed_bound.streamed_bound(
        model, tf.zeros((ROWS, 2)), tf.constant(num_samples), tf.constant(0)
    )
    expected = special.logsumexp(np.arange(num_samples) / 10) - np.log(num_samples)
    np.testing.assert_allclose(ours, [expected] * ROWS, rtol=1e-5)
    assert sum(model.asked) == -(-num_samples // max(model.asked)) * max(model.asked)


def test_the_greatest_number_of_samples_does_not_overflow(monkeypatch):
    # So large a chunk that the last one ends beyond 2**31.
    monkeypatch.setattr(streamed_bound, "_CHUNK", 2**30)
    monkeypatch.setattr(tf, "range", lambda size: tf.stack([0, size - 1]))

    class Ones:
        def log_weights(self, x, num_samples, training=False, seed=None):
            assert num_samples == 2**30
            return tf.zeros((ROWS, 2))

    bound = streamed_bound.streamed_bound(
        Ones(), tf.zeros((ROWS, 2)), tf.constant(2**31 - 1), tf.constant(0)
    )
    # Two chunks: of the first both weights count, of the last all but the surplus one.
    np.testing.assert_allclose(bound, np.log(3) - 31 * np.log(2), rtol=1e-6)


@pytest.fixture(scope="module", params=[False, True], ids=["graph", "xla"])
def served(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    model = kc.SigmoidBeliefNetwork("3H-6V", seed=0)
    kc.export_saved_model(model, folder, jit_compile=request.param)
    return request.param, tf.saved_model.load(folder).signatures


@pytest.mark.parametrize("number", [0, -(2**31)])
def test_no_samples_are_refused_by_name_and_have_no_bound_under_xla(served, number):
    has_xla, signatures = served
    request = {"x": tf.zeros((2, 6)), "num_samples": number, "seed": 0}
    request = {key: tf.constant(value) for key, value in request.items()}
    if has_xla:
        assert np.isnan(signatures["log_likelihood"](**request)["bound"]).all()
    else:
        with pytest.raises(tf.errors.InvalidArgumentError, match="num_samples` must be"):
            signatures["log_likelihood"](**request)


def test_no_images_are_drawn_where_none_are_asked_for(served):
    has_xla, signatures = served
    seed = tf.constant(0)
    drawn = signatures["sample"](num_images=tf.constant(0), seed=seed)
    assert drawn["codes"].shape == (0, 3)
    message = "negative" if has_xla else "`num_images` must be at least 0"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures["sample"](num_images=tf.constant(-1), seed=seed)
