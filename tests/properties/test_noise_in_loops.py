"""Noise by a seed is fresh in each pass of a loop, or the loop is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_concrete as kc
from keras_concrete.seeding import fixed_noise


@keras.saving.register_keras_serializable(package="test_noise_in_loops")
class CoinCell(keras.layers.Layer):
    """Tosses fair coins at each time step, whatever it is given."""

    state_size = output_size = 64

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.coins = kc.BinaryConcreteSample(0.5, seed=1)

    def build(self, inputs_shape):
        self.coins.build((inputs_shape[0], 64))

    def call(self, inputs, states, training=False):
        coins = self.coins(0.0 * states[0], training=training)
        return coins, [coins]


def _model(time=10, **options):
    x = keras.Input((time, 3), name="x")
    return keras.Model(x, keras.layers.RNN(CoinCell(), return_sequences=True)(x))


X = np.zeros((8, 10, 3), "float32")


def _share_that_changes(coins):
    """Of fair coins that are tossed anew, a half: 8 * 9 * 64 pairs."""
    return np.mean(coins[:, 1:] != coins[:, :-1])


def _is_a_half(share):
    # False alarms: 6 standard errors, 2e-9.
    return abs(share - 0.5) < 6 * 0.5 / np.sqrt(8 * 9 * 64)


@pytest.mark.parametrize("graph", [False, True])
def test_a_cell_draws_anew_at_each_time_step(graph):
    model = _model()

    def draw(seed):
        with fixed_noise(model, seed):
            return model(X)

    draw = tf.function(draw) if graph else draw
    first, again, other = (np.asarray(draw(tf.constant(seed))) for seed in (3, 3, 4))
    assert _is_a_half(_share_that_changes(first))
    np.testing.assert_array_equal(first, again)
    assert _is_a_half(np.mean(first != other))
    assert model.layers[1].unroll is False


def test_a_served_cell_draws_the_same(tmp_path):
    model = _model()
    kc.export_saved_model(model, tmp_path)
    with fixed_noise(model, 5):
        expected = model(X)
    served = tf.saved_model.load(tmp_path).signatures["predict"]
    (coins,) = served(x=tf.constant(X), seed=tf.constant(5)).values()
    np.testing.assert_array_equal(coins, expected)


def test_a_recurrent_layer_called_on_two_inputs_draws_for_each():
    a, b = keras.Input((10, 3)), keras.Input((10, 3))
    rnn = keras.layers.Bidirectional(
        keras.layers.RNN(CoinCell(), return_sequences=True), merge_mode=None
    )
    model = keras.Model([a, b], [*rnn(a), *rnn(b)])

    @tf.function
    def draw(seed):
        with fixed_noise(model, seed):
            return model([X, X])

    draws = [np.asarray(part) for part in draw(tf.constant(0))]
    for coins in draws:
        assert _is_a_half(_share_that_changes(coins))
    for i in range(4):
        for j in range(i):
            assert _is_a_half(np.mean(draws[i] != draws[j])), (i, j)


def test_the_gap_of_a_recurrent_model_is_that_of_its_steps():
    x = keras.Input((16,), name="x")
    coins = keras.layers.RNN(CoinCell())(keras.layers.Reshape((16, 1))(x))
    log_p = ops.sum(coins, axis=1) - 32.0
    model = keras.Model(x, kc.MultiSampleBound("concrete")(log_p, 0.0 * log_p))
    model.compile("sgd", kc.NegativeBound())
    gap = kc.IntegralityGap(np.zeros((500, 16), "float32"))
    gap.set_model(model)
    gap.on_train_begin()
    # The sum of 64 fair coins has mean 32 and variance 16: six standard errors.
    assert abs(gap._mean(training=False)) < 6 * 4 / np.sqrt(500)


@pytest.mark.parametrize("kind", ["unknown length", "while_loop"])
def test_a_loop_that_cannot_draw_anew_is_refused(kind, tmp_path):
    if kind == "unknown length":
        model, message = _model(time=None), "[Uu]nroll"
    else:

        class Loop(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.coins = kc.BinaryConcreteSample(0.5)

            def build(self, shape):
                self.coins.build(shape)

            def call(self, x):
                return ops.while_loop(
                    lambda i, _: i < 3, lambda i, x: (i + 1, self.coins(x)), (0, x)
                )[1]

            def compute_output_shape(self, shape):
                return shape

        model = keras.Sequential([keras.Input((4,)), Loop()])
        message = "inside a loop or branch .* Python one"
    with pytest.raises(ValueError, match=message):
        kc.export_saved_model(model, tmp_path)


def test_a_term_that_a_loop_would_lose_is_refused():
    cell = CoinCell()
    cell.coins = kc.BinaryConcreteSample(0.5, prior="uniform")
    x = keras.Input((10, 3))
    model = keras.Model(x, keras.layers.RNN(cell)(x))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="unroll=True"):
        model.fit(X, np.zeros((8, 64)), verbose=0)
