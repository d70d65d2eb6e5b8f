"""The noise is Threefry's, the same everywhere, whole in the tails, and unrelated."""

import itertools

import numpy as np
import oracles
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from keras_concrete import noise
from keras_concrete.graphs import piecewise_compiled
from keras_concrete.normal_quantile import normal_quantile

FALSE_ALARM = 1e-4  # Of each statistical test; seeds are fixed, so none flickers.
KEY = np.array([0x2545F491, 0x4F6CDD1D], "uint32")
ROWS, COLUMNS = 97, 3
COUNTER = np.arange(ROWS, dtype="uint32"), np.zeros(ROWS, "uint32")
DRAWS = {"uniform": noise.uniform, "logistic": noise.logistic, "gumbel": noise.gumbel}
checked = settings(max_examples=25)
words = st.integers(0, 2**32 - 1)
word_pairs = st.tuples(words, words)

# Every mixture of extreme words; one bit of the first tells the half of (0, 1).
EXTREMES = np.array(
    list(
        itertools.product(
            [0, 1, 2, 3, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1],
            [0, 1, 2**31, 2**32 - 1],
        )
    ),
    "uint32",
)
ANY_WORDS = np.random.default_rng(1).integers(0, 2**32, (500, 2), dtype="uint32")
CRAFTED = np.concatenate([EXTREMES, ANY_WORDS])


def as_array(value):
    return np.asarray(value, dtype="float64")


@pytest.fixture
def crafted(monkeypatch):
    """Makes the generator return `CRAFTED`, whatever its key."""
    left, right = tf.constant(CRAFTED[:, 0]), tf.constant(CRAFTED[:, 1])
    monkeypatch.setattr(noise, "threefry_2x32", lambda key, counter: (left, right))
    return (len(CRAFTED),)


def exact_distances():
    """The 64 crafted bits as a half of (0, 1) and a distance from its end."""
    high, low = CRAFTED.astype("uint64").T
    distance = (high >> 1) / 2.0**32 + (low + 0.5) / 2.0**64
    return (high & 1).astype(bool), distance


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers_of_random123(counter, key, expected):
    ours = noise.threefry_2x32(np.array(key, "uint32"), np.array(counter, "uint32"))
    assert tuple(int(word) for word in ours) == expected
    assert oracles.threefry_2x32(key, counter) == expected


@checked
@given(key=word_pairs, counters=st.lists(word_pairs, min_size=8, max_size=8))
def test_threefry_agrees_with_plain_integers_for_any_key_and_counter(key, counters):
    left, right = np.array(counters, "uint32").T
    ours = noise.threefry_2x32(np.array(key, "uint32"), (left, right))
    expected = [oracles.threefry_2x32(key, counter) for counter in counters]
    np.testing.assert_array_equal(np.transpose(ours), expected)


@checked
@given(key=word_pairs, data=words)
def test_fold_in_encrypts_a_counter_that_noise_never_uses(key, data):
    ours = noise.fold_in(np.array(key, "uint32"), np.int64(data))
    np.testing.assert_array_equal(ours, oracles.threefry_2x32(key, (data, 1)))


@pytest.mark.parametrize(
    ("compile_with", "pieces"),
    [({}, False), ({}, True), ({"jit_compile": True}, False)],
    ids=["graph", "pieces", "xla"],
)
def test_integers_are_the_same_in_graphs_and_floats_within_the_last_places(
    compile_with, pieces
):
    shape = (ROWS, COLUMNS)

    def everything(key):
        with piecewise_compiled(pieces):
            draws = [draw(shape, key) for draw in DRAWS.values()]
        return noise.threefry_2x32(key, COUNTER), noise.fold_in(key, 7), draws

    eager = everything(KEY)
    compiled = tf.function(everything, **compile_with)(tf.constant(KEY))
    np.testing.assert_array_equal(compiled[0], eager[0])
    np.testing.assert_array_equal(compiled[1], eager[1])
    uniform, *others = zip(compiled[2], eager[2], strict=True)
    np.testing.assert_array_equal(*uniform)  # No logarithm, so no difference.
    for ours, reference in others:
        np.testing.assert_allclose(ours, reference, rtol=5e-7, atol=5e-7)


def test_a_longer_batch_begins_with_the_shorter_one():
    for name, draw in DRAWS.items():
        longer, shorter = draw((ROWS, COLUMNS), KEY)[:5], draw((5, COLUMNS), KEY)
        # A vectorised logarithm rounds the last few elements of a tensor differently.
        last_places = 0 if name == "uniform" else 5e-7
        np.testing.assert_allclose(longer, shorter, rtol=last_places, atol=last_places)


@pytest.mark.parametrize("pieces", [False, True])
def test_a_batch_of_unknown_size_draws_what_a_known_one_does(pieces):
    @tf.function(input_signature=[tf.TensorSpec([None, COLUMNS])])
    def like(x):
        with piecewise_compiled(pieces):
            return noise.logistic((tf.shape(x)[0], COLUMNS), tf.constant(KEY))

    for rows in (0, 1, 5, 341, 342):  # 1,023 and 1,026 numbers.
        expected = noise.logistic((rows, COLUMNS), KEY)
        np.testing.assert_allclose(like(tf.zeros((rows, COLUMNS))), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (noise.uniform, stats.uniform),
        (noise.logistic, stats.logistic),
        (noise.gumbel, stats.gumbel_r),
    ],
)
def test_draws_follow_their_laws(draw, law):
    for data in range(3):
        sample = as_array(draw((100_000,), noise.fold_in(KEY, data)))
        assert stats.kstest(sample, law.cdf).pvalue > FALSE_ALARM / 3


def test_noise_of_different_keys_and_positions_is_unrelated():
    size = 50_000
    neighbours = [KEY, KEY + np.uint32([0, 1]), KEY + np.uint32([1, 0])]
    folded = [noise.fold_in(KEY, data) for data in (0, 1, 2, 2**31)]
    twice = [noise.fold_in(noise.fold_in(KEY, 0), 1)]
    streams = [noise.uniform((size + 1,), key) for key in neighbours + folded + twice]
    streams = [stream[:size] for stream in streams] + [streams[0][1:]]
    pairs = np.corrcoef(streams)[np.triu_indices(len(streams), 1)]
    # A correlation is normal with deviation 1/sqrt(size); Bonferroni over the pairs.
    limit = stats.norm.isf(FALSE_ALARM / 2 / len(pairs)) / np.sqrt(size)
    assert np.abs(pairs).max() < limit


def test_keys_made_of_different_integers_are_all_different():
    folded = [noise.fold_in(KEY, data) for data in range(ROWS)]
    drawn = np.transpose(noise.threefry_2x32(KEY, COUNTER))
    both = np.concatenate([folded, drawn, [KEY]])
    assert len(np.unique(both, axis=0)) == len(both)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (np.int64(7), (7, 0)),
        (np.int64(-1), (2**32 - 1, 0)),
        (np.int64(2**40 + 5), (5, 0)),
        (-3, (2**32 - 3, 0)),
        (2**40 + 5, (5, 0)),
        (np.array([1, 2], "int32"), (1, 2)),
        (np.array([-1, 2**40 + 5], "int64"), (2**32 - 1, 5)),
        (np.array([2**32 - 1, 3], "uint32"), (2**32 - 1, 3)),
        (tf.constant([-2, 2**33 + 1], tf.int64), (2**32 - 2, 1)),
    ],
)
def test_a_key_is_the_seed_modulo_two_to_the_32(seed, expected):
    key = noise.key_from_seed(seed)
    assert key.dtype == "uint32"
    np.testing.assert_array_equal(key, np.array(expected, "uint32"))


def test_uniform_noise_is_inside_the_unit_interval_and_keeps_its_small_values(crafted):
    upper, distance = exact_distances()
    ours = as_array(noise.uniform(crafted, KEY))
    assert ours.min() > 0 and ours.max() < 1
    np.testing.assert_allclose(ours, np.where(upper, 1 - distance, distance), rtol=2e-7)
    assert ours.min() == 2.0**-65


def test_logistic_noise_has_its_whole_tail(crafted):
    upper, distance = exact_distances()
    ours = as_array(noise.logistic(crafted, KEY))
    lower = np.log(distance) - np.log1p(-distance)
    np.testing.assert_allclose(ours, np.where(upper, -lower, lower), rtol=3e-7, atol=3e-7)
    assert ours.max() == -ours.min() == pytest.approx(65 * np.log(2), rel=1e-6)


def test_gumbel_noise_has_its_whole_tail(crafted):
    upper, distance = exact_distances()
    ours = as_array(noise.gumbel(crafted, KEY))
    exponential = np.where(upper, -np.log1p(-distance), -np.log(distance))
    np.testing.assert_allclose(ours, -np.log(exponential), rtol=3e-7, atol=3e-7)
    assert ours.max() == pytest.approx(65 * np.log(2), rel=1e-6)
    assert ours.min() == pytest.approx(-np.log(65 * np.log(2)), rel=1e-6)


def test_the_other_half_of_the_interval_has_the_opposite_logistic_noise(monkeypatch):
    def with_halves(flip):
        left, right = CRAFTED[:, 0] ^ np.uint32(flip), CRAFTED[:, 1]
        monkeypatch.setattr(noise, "threefry_2x32", lambda *_: (left, right))
        return np.asarray(noise.logistic((len(CRAFTED),), KEY))

    # One draw is the logarithm of a ratio, the other of its inverse: both are rounded.
    np.testing.assert_allclose(with_halves(0), -with_halves(1), rtol=1e-7, atol=1e-7)


def normal(shape, key):
    return noise.from_quantile(shape, key, normal_quantile, lambda p: -normal_quantile(p))


def triangular(shape, key):
    """Not symmetric: density 2x on (0, 1)."""
    return noise.from_quantile(
        shape, key, tf.sqrt, lambda probability: tf.sqrt(1.0 - probability)
    )


@pytest.mark.parametrize(
    ("draw", "law"), [(normal, stats.norm), (triangular, stats.beta(2, 1))]
)
def test_draws_by_quantiles_follow_their_laws(draw, law):
    for data in range(3):
        sample = as_array(draw((100_000,), noise.fold_in(KEY, data)))
        assert stats.kstest(sample, law.cdf).pvalue > FALSE_ALARM / 6


def test_noise_by_quantiles_reaches_both_ends_as_far(crafted):
    upper, distance = exact_distances()
    ours = as_array(normal(crafted, KEY))
    expected = np.where(upper, stats.norm.isf(distance), stats.norm.ppf(distance))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=3e-7)
    farthest = stats.norm.isf(2.0**-65)
    assert ours.max() == -ours.min() == pytest.approx(farthest, rel=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_normal_quantiles_and_their_slopes_are_exact_to_the_end_of_float32(jit_compile):
    """XLA's own are -inf below 3e-8: one draw in 17 million, and NaN from there on."""
    probability = np.geomspace(1.2e-38, 0.5, 2001).astype("float32")

    @tf.function(jit_compile=jit_compile)
    def with_slopes(p):
        with tf.GradientTape() as tape:
            tape.watch(p)
            value = normal_quantile(p)
        return value, tape.gradient(value, p)

    value, slope = with_slopes(tf.constant(probability))
    expected = stats.norm.ppf(np.float64(probability))
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(slope, 1 / stats.norm.pdf(expected), rtol=2e-5)


def test_noise_by_quantiles_asks_for_probabilities_up_to_one_half(crafted):
    asked = []

    def record(probability):
        asked.append(np.asarray(probability))
        return probability

    noise.from_quantile(crafted, KEY, record, record)
    assert len(asked) == 2
    for probability in asked:
        assert 0 < probability.min() and probability.max() <= 0.5
