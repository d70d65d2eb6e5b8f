"""Keys of noise: of layers, of whole models, of replicas."""

import itertools

import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete import seeding
from keras_concrete.step_clock import StepClock


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
@pytest.mark.parametrize("position", [0, 1, 300])
def test_the_seed_of_a_layer_is_31_bits_of_the_counters_first_word(seed, position):
    first, _ = oracles.threefry_2x32((seed, 0), (position, 1))
    assert seeding.derive_seed(seed, position) == first >> 1


def test_layers_of_networks_of_neighbouring_seeds_have_different_seeds():
    seeds = {seeding.derive_seed(seed, place) for seed in range(5) for place in range(5)}
    assert len(seeds) == 25
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_no_seed_gives_no_seed():
    assert seeding.derive_seed(None, 3) is None


def _keys(layer, number=4):
    return [tuple(np.asarray(layer.next_key()).tolist()) for _ in range(number)]


def test_keys_differ_from_call_to_call_and_equal_seeds_repeat_them():
    first, second, other = (seeding.SeededLayer(seed=seed) for seed in (5, 5, 6))
    keys = _keys(first)
    assert len(set(keys)) == 4
    assert _keys(second) == keys
    assert not set(_keys(other)) & set(keys)


def test_without_a_seed_layers_differ_and_follow_set_random_seed():
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        found.append([_keys(seeding.SeededLayer()) for _ in range(2)])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_a_config_holds_a_seed_of_pythons_own_kind():
    layer = seeding.SeededLayer(seed=np.int64(4))
    assert type(layer.seed) is int
    assert seeding.SeededLayer.from_config(layer.get_config()).seed == 4


@pytest.mark.parametrize("seed", [0.5, "a", -1])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        seeding.SeededLayer(seed=seed)


def test_a_saved_layer_goes_on_where_it_was():
    layer, revived = (seeding.SeededLayer(seed=seed) for seed in (5, 8))
    _keys(layer)
    store = {}
    layer.save_own_variables(store)
    revived.load_own_variables(store)
    assert _keys(revived) == _keys(layer)


def test_a_file_without_noise_in_the_layers_place_leaves_its_noise_as_it_is(tmp_path):
    layer, other = (seeding.SeededLayer(seed=5) for _ in range(2))
    layer.load_own_variables({})
    assert _keys(layer) == _keys(other)
    plain, random = (
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), code])
        for code in (
            keras.layers.Activation("sigmoid", name="code"),
            kc.BinaryConcreteSample(0.5, name="code"),
        )
    )
    plain.save_weights(tmp_path / "plain.weights.h5")
    random.load_weights(tmp_path / "plain.weights.h5")
    for old, new in zip(plain.get_weights(), random.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_each_replica_has_keys_of_its_own():
    devices = [device.name for device in tf.config.list_logical_devices("CPU")[:2]]
    strategy = tf.distribute.MirroredStrategy(devices)
    assert seeding.num_replicas() == 1
    with strategy.scope():
        assert seeding.num_replicas() == 2
        layer = seeding.SeededLayer(seed=5)
    per_replica = tf.function(lambda: strategy.run(layer.next_key))()
    first, second = strategy.experimental_local_results(per_replica)
    assert tuple(first.numpy()) != tuple(second.numpy())


def model():
    return keras.Sequential(
        [
            keras.Input((64,)),
            kc.BinaryConcreteSample(1.0, seed=0),
            kc.Centering(),
            keras.layers.Rescaling(4.0, -2.0),
            kc.BinaryConcreteSample(1.0, seed=0),
        ]
    )


X = np.zeros((8, 64), "float32")


def _state(model):
    return [np.asarray(variable.value) for variable in model.variables]


@pytest.mark.parametrize("training", [False, True])
def test_fixed_noise_is_of_its_seed_alone_and_changes_nothing_in_the_model(training):
    ours = model()
    before = _state(ours)

    def draw(seed):
        with seeding.fixed_noise(ours, seed):
            return np.asarray(ours(X, training=training))

    first = draw(3)
    np.testing.assert_array_equal(draw(3), first)
    assert not np.array_equal(draw(4), first)
    np.testing.assert_array_equal(draw(tf.constant([3, 0])), first)
    for old, new in zip(before, _state(ours), strict=True):
        np.testing.assert_array_equal(old, new)
    ours(X, training=True)  # Outside the context, counters and averages move.
    assert any(
        not np.array_equal(old, new)
        for old, new in zip(before, _state(ours), strict=True)
    )


def test_in_fixed_noise_layers_of_one_seed_do_not_share_it():
    ours = model()
    first, second = ours.layers[0], ours.layers[3]
    with seeding.fixed_noise(ours, 3):
        keys = [tuple(np.asarray(k).tolist()) for k in (first.next_key(),)]
        keys += _keys(second, 2)
    assert len(set(keys)) == 3


def test_fixed_noise_takes_a_seed_that_only_a_graph_knows():
    ours = model()

    @tf.function
    def draw(seed):
        with seeding.fixed_noise(ours, seed):
            return ours(X)

    with seeding.fixed_noise(ours, 9):
        expected = ours(X)
    np.testing.assert_array_equal(draw(tf.constant(9)), expected)


def test_fixed_noise_by_keys_of_rows_gives_each_what_it_has_alone():
    ours = model()
    x = np.random.default_rng(0).normal(size=X.shape).astype("float32")
    keys = np.random.default_rng(1).integers(0, 2**32, (len(x), 2), dtype="uint32")
    before = _state(ours)
    with seeding.fixed_noise(ours, tf.constant(keys)):
        together, again = np.asarray(ours(x)), np.asarray(ours(x))
    assert not np.array_equal(together, again)
    for row, key in enumerate(keys):
        with seeding.fixed_noise(ours, key):
            for expected in (together, again):
                alone = np.asarray(ours(x[row : row + 1]))
                np.testing.assert_allclose(expected[row : row + 1], alone, rtol=1e-5)
    for old, new in zip(before, _state(ours), strict=True):
        np.testing.assert_array_equal(old, new)


def test_half_a_seed_fixes_nothing():
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        with seeding.fixed_noise(model(), 0.5):
            pass


@pytest.mark.reliability
def test_streams_of_training_and_of_fixed_noise_never_meet(figures):
    streams = []
    for seed in (0, 1, 7, 2**31 - 1, 2**31, 2**32 - 1):
        sampler = kc.BinaryConcreteSample(0.5, seed=seed)
        net = keras.Sequential([keras.Input((64,)), sampler])
        streams += [net(np.zeros((4, 64)), training=True) for call in range(2)]
        with seeding.fixed_noise(net, seed):
            streams.append(net(np.zeros((4, 64)), training=True))
    pairs = list(itertools.combinations(map(np.asarray, streams), 2))
    # Relaxed states of the same key would be equal to the bit.
    equal = sum(bool(np.any(a == b)) for a, b in pairs)
    figures["pairs of streams"] = len(pairs)
    figures["pairs that share a number"] = (0, equal)
    assert equal == 0


class _Huge:
    """An array of a file that declares more than any memory holds."""

    shape = (2**50,)

    def __array__(self, *args, **kwargs):
        raise AssertionError("it was read")


@pytest.mark.parametrize(
    ("reader", "key"),
    [
        (seeding.SeededLayer(seed=0), "seed_generator_state"),
        (StepClock(), "step"),
    ],
)
def test_a_state_of_another_size_is_refused_before_it_is_read(reader, key):
    with pytest.raises(ValueError, match=r"its shape is \(1125899906842624,\)"):
        reader.load_own_variables({key: _Huge()})
