"""The samplers: two graphs over one set of weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_concrete as kc

# Statistical tests fail by chance this often, each, over seeds; the seeds are fixed.
FALSE_ALARM_RATE = 1e-4

LOGITS = np.random.default_rng(0).normal(size=(3, 7)).astype("float32")
N_ARY_LOGITS = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")


def twins(make):
    return make(), make()


@pytest.mark.parametrize("inference", ["sample", "mode"])
def test_the_discrete_binary_state_is_the_rounded_node(inference):
    layer = kc.BinaryConcreteSample(
        0.5, return_node=True, inference=inference, seed=1, num_samples=9
    )
    state, node = layer(LOGITS)
    np.testing.assert_array_equal(state, np.asarray(node) >= 0)


def test_the_discrete_n_ary_state_is_the_rounded_node():
    layer = kc.ConcreteSample(0.5, return_node=True, seed=1, num_samples=9)
    state, node = layer(N_ARY_LOGITS)
    np.testing.assert_array_equal(state, np.eye(4)[np.argmax(node, -1)])


@pytest.mark.parametrize(
    ("make", "logits"),
    [
        (lambda: kc.BinaryConcreteSample(0.7, return_node=True, seed=1), LOGITS),
        (lambda: kc.ConcreteSample(0.7, return_node=True, seed=1), N_ARY_LOGITS),
    ],
)
def test_both_graphs_share_the_node_and_the_discrete_state_is_the_relaxed_one_rounded(
    make, logits
):
    one, other = twins(make)
    relaxed, relaxed_node = one(logits, training=True)
    discrete, discrete_node = other(logits, training=False)
    np.testing.assert_array_equal(relaxed_node, discrete_node)
    if relaxed.shape.rank == 2:
        rounded = np.asarray(relaxed) >= 0.5
    else:
        rounded = np.asarray(relaxed) == np.max(relaxed, -1, keepdims=True)
    np.testing.assert_array_equal(discrete, rounded)


def test_binary_states_are_one_as_often_as_the_sigmoid_of_their_logits():
    n = 20_000
    states = kc.BinaryConcreteSample(0.3, num_samples=n, seed=2)(LOGITS)
    ones = np.sum(states, axis=1).astype(int)
    probabilities = stats.logistic.cdf(LOGITS.astype("float64"))
    p_values = [
        stats.binomtest(k, n, p).pvalue
        for k, p in zip(ones.ravel(), probabilities.ravel(), strict=True)
    ]
    assert min(p_values) > FALSE_ALARM_RATE / len(p_values)


def test_one_hot_states_are_drawn_as_often_as_the_softmax_of_their_logits():
    n = 20_000
    states = kc.ConcreteSample(0.3, num_samples=n, seed=2)(N_ARY_LOGITS)
    counts = np.sum(states, axis=1).reshape(-1, 4)
    weights = np.exp(N_ARY_LOGITS.astype("float64")).reshape(-1, 4)
    expected = n * weights / weights.sum(-1, keepdims=True)
    p_values = stats.chisquare(counts, expected, axis=-1, sum_check=False).pvalue
    assert min(p_values) > FALSE_ALARM_RATE / len(p_values)


@pytest.mark.parametrize("temperature", [0.1, 2 / 3, 1.0])
def test_relaxed_nodes_follow_their_analytic_laws(temperature):
    """A binary node, and each log-ratio of an n-ary one, is Logistic."""
    n, options = 20_000, {"return_node": True, "seed": 2}
    _, node = kc.BinaryConcreteSample(temperature, n, **options)(LOGITS, training=True)
    noises = [temperature * np.float64(node) - LOGITS[:, None]]
    _, node = kc.ConcreteSample(temperature, n, **options)(N_ARY_LOGITS, training=True)
    noise = temperature * np.float64(node) - N_ARY_LOGITS[:, None]
    noises += [noise[..., 1:] - noise[..., :1], noise[..., 2:] - noise[..., 1:-1]]
    p_values = [
        stats.kstest(sample, stats.logistic.cdf).pvalue
        for array in noises
        for sample in np.moveaxis(array, 1, -1).reshape(-1, n)
    ]
    assert min(p_values) > FALSE_ALARM_RATE / len(p_values)


def test_mode_gives_the_most_probable_state_and_only_outside_training():
    layer = kc.ConcreteSample(1.0, inference="mode", seed=1)
    np.testing.assert_array_equal(
        layer(N_ARY_LOGITS), np.eye(4)[np.argmax(N_ARY_LOGITS, -1)]
    )
    binary = kc.BinaryConcreteSample(1.0, inference="mode", seed=1)
    np.testing.assert_array_equal(binary(LOGITS), LOGITS >= 0)
    first, second = binary(LOGITS, training=True), binary(LOGITS, training=True)
    assert not np.array_equal(first, second)


def test_gradients_flow_through_relaxed_states_and_not_through_discrete_ones():
    for make, logits in (
        (lambda: kc.BinaryConcreteSample(0.5, seed=0), LOGITS),
        (lambda: kc.ConcreteSample(0.5, seed=0), N_ARY_LOGITS),
    ):
        for training in (True, False):
            variable = tf.Variable(logits)
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(make()(variable, training=training) ** 2)
            gradient = tape.gradient(loss, variable)
            if training:
                assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
            else:
                assert gradient is None


def test_relaxed_gradients_are_those_of_finite_differences_under_fixed_noise():
    def value(logits):
        state = kc.BinaryConcreteSample(0.5, seed=5)(logits, training=True)
        return np.sum(np.sin(np.asarray(state, "float64")))

    variable = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        state = kc.BinaryConcreteSample(0.5, seed=5)(variable, training=True)
        loss = tf.reduce_sum(tf.sin(state))
    gradient = tape.gradient(loss, variable).numpy()
    step = 1e-2
    for index in np.ndindex(*LOGITS.shape):
        bump = np.zeros_like(LOGITS)
        bump[index] = step
        slope = (value(LOGITS + bump) - value(LOGITS - bump)) / (2 * step)
        np.testing.assert_allclose(gradient[index], slope, atol=2e-3)


def test_calls_differ_and_equal_seeds_repeat_them():
    one, other = twins(lambda: kc.BinaryConcreteSample(0.5, seed=4))
    first, second = one(LOGITS, training=True), one(LOGITS, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, other(LOGITS, training=True))
    np.testing.assert_array_equal(second, other(LOGITS, training=True))


def test_layers_without_a_seed_do_not_share_noise_and_follow_set_random_seed():
    def draw_two():
        keras.utils.set_random_seed(11)
        layers = twins(lambda: kc.BinaryConcreteSample(0.5))
        return [np.asarray(layer(LOGITS, training=True)) for layer in layers]

    first, second = draw_two()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, draw_two()[0])


def test_replicas_of_a_strategy_draw_different_noise():
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices[:2]])
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        layer = kc.BinaryConcreteSample(0.5, seed=4)
        layer.build((None, 7))
    draws = strategy.run(lambda: layer(tf.constant(LOGITS), training=True))
    one, other = strategy.experimental_local_results(draws)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_any_leading_axes_and_samples_on_axis_one(shape):
    logits = np.zeros(shape, "float32")
    for layer in (kc.BinaryConcreteSample(1.0), kc.ConcreteSample(1.0)):
        assert layer(logits).shape == shape
        assert layer(logits, num_samples=6).shape == (shape[0], 6, *shape[1:])


def test_the_number_of_samples_may_be_a_tensor():
    layer = kc.BinaryConcreteSample(1.0, seed=0)
    layer.build((None, 7))
    draw = tf.function(lambda m: layer(tf.constant(LOGITS), num_samples=m))
    assert draw(tf.constant(4)).shape == (3, 4, 7)
    assert draw(tf.constant(9)).shape == (3, 9, 7)


def test_a_variable_for_a_temperature_can_change_without_a_new_trace():
    temperature = keras.Variable(1.0, trainable=False)
    layer = kc.BinaryConcreteSample(temperature, seed=0, return_node=True)
    layer.build((None, 7))
    traces = []

    @tf.function(jit_compile=True)
    def node(logits, seed_state):
        traces.append(1)
        layer.seed_generator.state.assign(seed_state)
        return layer(logits, training=True)[1]

    state = tf.constant([0, 0], tf.int64)
    warm = node(tf.constant(LOGITS), state)
    temperature.assign(0.25)
    cold = node(tf.constant(LOGITS), state)
    np.testing.assert_allclose(cold, 4 * np.asarray(warm), rtol=1e-5)
    assert len(traces) == 1 and layer.get_config()["temperature"] == 0.25
    assert float(layer.current_temperature) == 0.25


def test_a_layer_may_be_wrapped_for_each_step_of_a_series():
    series = np.zeros((2, 5, 7), "float32")
    for return_node in (False, True):
        layer = kc.BinaryConcreteSample(1.0, 3, return_node)
        shapes = layer.compute_output_shape((None, 7))
        assert shapes == (((None, 3, 7),) * 2 if return_node else (None, 3, 7))
    wrapped = keras.layers.TimeDistributed(kc.BinaryConcreteSample(1.0, seed=0))
    model = keras.Sequential([keras.Input((5, 7)), wrapped])
    assert model(series).shape == (2, 5, 7)


def test_masks_pass_on_to_each_output():
    layer = kc.BinaryConcreteSample(1.0, return_node=True)
    mask = np.ones((2, 3), bool)
    assert all(m is mask for m in layer.compute_mask(None, mask))


@pytest.mark.parametrize("symbolic", [True, False])
def test_a_sample_axis_that_a_call_adds_takes_no_mask(symbolic):
    """The mask of (batch, time) would be that of (batch, num_samples) to the next."""
    x = np.ones((2, 4, 3), "float32")
    masked = keras.layers.Masking()(keras.Input((4, 3)) if symbolic else x)
    for layer in (kc.BinaryConcreteSample(1.0), kc.ConcreteSample(1.0)):
        for num_samples, has_mask in ((5, False), (None, True), (5, False)):
            state = layer(masked, num_samples=num_samples)
            assert (getattr(state, "_keras_mask", None) is not None) == has_mask


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be a positive number.*0.0"),
        ({"temperature": "warm"}, "`temperature` must be a positive number.*'warm'"),
        ({"num_samples": 0}, "`num_samples` must be a positive integer.*0"),
        ({"estimator": "magic"}, "`estimator` must be one of 'concrete'.*'magic'"),
        ({"inference": "mean"}, "`inference` must be one of 'sample', 'mode'.*'mean'"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        kc.BinaryConcreteSample(**{"temperature": 1.0, **arguments})


def test_logits_without_the_axes_needed_are_refused():
    with pytest.raises(ValueError, match=r"shape \(batch, \*units\)"):
        kc.BinaryConcreteSample(1.0)(np.zeros(3))
    with pytest.raises(ValueError, match=r"at least 2 states"):
        kc.ConcreteSample(1.0)(np.zeros((3, 1)))
