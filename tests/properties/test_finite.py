"""Every value and gradient is finite, over the whole range of parameters.

A case is one row of logits at one pair of temperatures in one graph; a shape, which is
compiled once, takes hundreds of them. Failures are counted, and none is expected.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from extremes import rows_of_logits
from latent_layers import FLOAT16_MAX, STEEP, Model, shapes
from layer_checks import POLICIES

import keras_concrete as kc
from keras_concrete import distributions as kcd

pytestmark = pytest.mark.reliability

# Of posterior and prior: alike, and far from each other.
TEMPERATURES = [(t, t) for t in (0.01, 0.1, 2 / 3, 1.0, 10.0)]
TEMPERATURES += [(0.01, 10.0), (10.0, 0.01), (2 / 3, 1 / 2), (0.1, 1.0)]
ROWS = 48
PIXELS = 5


def finite_rows(tensors):
    """For each row of the first axis, whether it is finite in all tensors."""
    finite = [keras.ops.isfinite(keras.ops.cast(t, "float32")) for t in tensors]
    flat = [tf.reshape(f, (tf.shape(f)[0], -1)) for f in finite]
    return tf.reduce_all(tf.concat(flat, axis=1), axis=1)


def count_shape(sums, kind):
    """Adds a shape, which is compiled once."""
    what = f"compiled shapes, {kind}"
    sums[what] = sums.get(what, 0) + 1


def count(sums, kind, finite):
    """Adds a shape's cases to those of its kind, and refuses any failure."""
    what, failed = f"cases, {kind}", f"cases not finite, {kind}"
    failures = int(np.sum(~np.asarray(finite)))
    sums[what] = sums.get(what, 0) + np.size(finite)
    sums[failed] = (0, sums.get(failed, (0, 0))[1] + failures)
    assert not failures, f"{failures} of {np.size(finite)} are not finite"


def of_all(*cases):
    """One in eight in the quick suite, and the rest in the soak."""
    marks = [pytest.mark.soak if place % 8 else () for place in range(len(cases))]
    names = ["-".join(map(str, case)) for case in cases]
    return [
        pytest.param(*case, marks=mark, id=name)
        for case, mark, name in zip(cases, marks, names, strict=True)
    ]


# --- Densities ----------------------------------------------------------------------


def relocated(temperature, logits):
    return kcd.RelocatedBinary(kcd.GAUSSIAN, temperature, logits)


def flat_row(function):
    return lambda t, logits: function(logits)


# Name: of temperature and logits, and whether a value lies in the open unit interval,
# where a value that has been rounded to an end has an infinite density by contract.
OF_BINARY_UNITS = {
    "Bernoulli": flat_row(kcd.Bernoulli),
    "LogitBinaryConcrete": kcd.LogitBinaryConcrete,
    "BinaryConcrete": kcd.BinaryConcrete,
    "RelocatedBinary": relocated,
    "Gumbel": lambda t, logits: kcd.Gumbel(),
    "Logistic": lambda t, logits: kcd.Logistic(),
}
OF_UNITS = {
    "Discrete": flat_row(kcd.Discrete),
    "ExpConcrete": kcd.ExpConcrete,
    "Concrete": kcd.Concrete,
    "ExpLogisticNormal": kcd.ExpLogisticNormal,
}
ON_THE_SIMPLEX = ("BinaryConcrete", "Concrete")
DENSITIES = [(name, 1, True) for name in OF_BINARY_UNITS]
DENSITIES += [(name, n, n != 8) for name in OF_UNITS for n in (2, 8, 1024)]


def test_every_distribution_is_among_the_cases():
    others = {"GAUSSIAN", "BinaryNoise", "Sigmoid"}
    assert {*OF_BINARY_UNITS, *OF_UNITS, *others} == set(kcd.__all__)


@pytest.mark.parametrize(("name", "states", "jit"), of_all(*DENSITIES))
def test_densities_and_their_gradients_are_finite(name, states, jit, sums):
    make = (OF_BINARY_UNITS | OF_UNITS)[name]
    generator = np.random.default_rng(0)
    t = np.repeat(np.float32([0.01, 0.1, 2 / 3, 1, 10]), ROWS)
    logits = rows_of_logits(generator, len(t), states)
    logits = logits[:, 0] if states == 1 else logits

    @tf.function(jit_compile=jit)
    def at_its_own_draw(t, logits):
        with tf.GradientTape() as tape:
            tape.watch([t, logits])
            value = make(t, logits).sample(seed=(1, 2))
            value = tf.broadcast_to(value, tf.shape(logits))
            score = make(t, logits).log_prob(value)
            if name in ON_THE_SIMPLEX:  # Of the draw: its score may be infinite.
                score = tf.reduce_sum(tf.reshape(value, (len(t), -1)), axis=1)
        slopes = tape.gradient(score, [t, logits], unconnected_gradients="zero")
        return value, finite_rows([value, score, *slopes])

    @tf.function(jit_compile=jit)
    def at_anothers(t, logits, value):
        with tf.GradientTape() as tape:
            tape.watch([t, logits, value])
            score = make(t, logits).log_prob(value)
        slopes = tape.gradient(score, [t, logits, value], unconnected_gradients="zero")
        if name in ON_THE_SIMPLEX:  # Where a float32 may not hold the slope, 1 / value.
            slopes = slopes[:2]
            ends = tf.reshape((value <= 0) | (value >= 1), (len(t), -1))
            at_an_end = tf.reduce_any(ends, axis=1)
            limit = at_an_end & tf.math.is_inf(score)
            return limit | finite_rows([score, *slopes])
        return finite_rows([score, *slopes])

    values, finite = at_its_own_draw(tf.constant(t), tf.constant(logits))
    results = [finite.numpy()]
    if name in ("Gumbel", "Logistic"):
        values = tf.constant(logits)
    for shift in (1, 7, ROWS, 2 * ROWS + 1):
        other = tf.constant(np.roll(values, shift, axis=0))
        results.append(at_anothers(tf.constant(t), tf.constant(logits), other).numpy())
    count_shape(sums, "densities")
    count(sums, "densities", results)


# --- The KL term, codes, centering and learned logits -------------------------------

OBJECTIVES = ("relaxed", "relaxed_mass", "analytic")
KL_CASES = [
    (objective, states, POLICIES[i % 3], i % 2 == 0)
    for i, (objective, states) in enumerate(itertools.product(OBJECTIVES, (2, 4, 1024)))
]


@pytest.mark.parametrize(("objective", "states", "policy", "jit"), of_all(*KL_CASES))
def test_kl_terms_and_parts_are_finite(objective, states, policy, jit, sums):
    binary, units = states == 2, 3
    sampler = kc.BinaryConcreteSample if binary else kc.ConcreteSample
    temperatures = [keras.Variable(1.0, trainable=False) for _ in range(2)]
    sample = sampler(temperatures[0], return_node=True, seed=0, dtype=policy)
    kl = kc.RelaxedKL(
        posterior_temperature=temperatures[0],
        prior_temperature=temperatures[1],
        num_states=states,
        objective=objective,
        dtype=policy,
    )
    code = kc.HypercubeCode(states, dtype=policy)
    center = kc.Centering(dtype=policy)
    prior = kc.LearnedLogits(units, states, dtype=policy)
    shape = (units,) if binary else (units, states)
    generator = np.random.default_rng(0)
    prior(np.zeros((ROWS, 1), "float32"))
    sample.build((None, *shape))
    kl.build(*[(None, *shape)] * 3)
    weights = prior.weights[0]

    @tf.function(jit_compile=jit)
    def check(q):
        finite = []
        for training in (True, False):
            with tf.GradientTape() as tape:
                tape.watch(q)
                state, node = sample(q, training=training)
                term = kl(node, q, prior(q), training=training)
                codes = center(code(state), training=training)
                total = term + tf.cast(tf.reduce_sum(codes, axis=1), "float32")
            of_q, of_p = tape.gradient(
                total, [q, weights.value], unconnected_gradients="zero"
            )
            rows = finite_rows([term, codes, of_q])
            finite.append(rows & tf.reduce_all(tf.math.is_finite(of_p)))
        return tf.stack(finite)

    results = []
    for posterior, prior_t in TEMPERATURES:
        temperatures[0].assign(posterior)
        temperatures[1].assign(prior_t)
        weights.assign(rows_of_logits(generator, 5, *weights.shape)[len(results) % 5])
        q = rows_of_logits(generator, ROWS, *shape)
        results.append(check(tf.constant(q)).numpy())
    kind = "KL terms, codes, centering and learned logits"
    count_shape(sums, kind)
    count(sums, kind, results)


# --- Layers and estimators ----------------------------------------------------------


def test_there_are_at_most_124_shapes():
    assert len([*DENSITIES, *KL_CASES, *shapes()]) <= 124


@pytest.mark.parametrize(
    ("estimator", "states", "units", "samples", "policy", "jit"), of_all(*shapes())
)
def test_bounds_and_their_gradients_are_finite(
    estimator, states, units, samples, policy, jit, sums
):
    # Of equal seeds: the twin draws the same noise.
    model, twin = (Model(estimator, states, units, samples, policy) for _ in range(2))
    generator = np.random.default_rng(0)
    rows = 1 if samples is None else ROWS
    shape = (units,) if states == 2 else (units, states)
    weights = tf.constant(generator.normal(size=(np.prod(shape), PIXELS)), "float32")

    def gradients(model, q, p, x, training, logits_dtype=model.sample.compute_dtype):
        """For each row, whether all is finite, and its largest sum of slopes."""
        with tf.GradientTape() as tape:
            tape.watch([q, p, weights])
            q_cast, p_cast = (keras.ops.cast(t, logits_dtype) for t in (q, p))
            readers = [tf.identity(q_cast) for _ in range(4)]
            bound, terms = model(readers, p_cast, weights, x, training)
            loss = kc.NegativeBound()(x, bound)
        of_q, of_p, of_weights, *of_readers = tape.gradient(
            loss, [q, p, weights, *readers], unconnected_gradients="zero"
        )
        finite = finite_rows([bound, *terms, of_q, of_p])
        finite &= tf.reduce_all(tf.math.is_finite(of_weights)) & tf.math.is_finite(loss)
        of_readers = tf.cast(tf.stack(of_readers), "float32")
        of_readers = tf.reduce_sum(tf.abs(of_readers), axis=0)
        slopes = tf.stack([tf.abs(of_p), of_readers], axis=1)
        return finite, tf.reduce_max(tf.reshape(slopes, (len(x), -1)), axis=1)

    @tf.function(jit_compile=jit)
    def check(q, p, x):
        results = []
        for training in (True, False):
            if model.is_steep:
                q, p = (tf.cast(tf.cast(t, "float16"), "float32") for t in (q, p))
                finite, slope = gradients(twin, q, p, x, training, "float32")
                in_float16, _ = gradients(model, q, p, x, training)
                results.append([finite, in_float16, slope > FLOAT16_MAX])
            else:
                finite, _ = gradients(model, q, p, x, training)
                results.append([finite])
        return tf.stack(results, axis=1)

    results = []
    for posterior, prior in TEMPERATURES:
        model.set_temperatures(posterior, prior)
        twin.set_temperatures(posterior, prior)
        q, p = (rows_of_logits(generator, ROWS, *shape) for _ in "qp")
        x = generator.integers(0, 2, (ROWS, PIXELS)).astype("float32")
        for start in range(0, ROWS, rows):
            part = slice(start, start + rows)
            results.append(check(*map(tf.constant, (q[part], p[part], x[part]))))
    finite, *others = np.concatenate(results, axis=2)
    of = f"logits under {policy}: {', '.join(STEEP)}"
    kind = f"bounds of float32 {of}" if model.is_steep else "bounds by every estimator"
    count_shape(sums, kind)
    count(sums, kind, finite)
    if model.is_steep:
        finite, is_beyond = others
        within = finite[~is_beyond]
        count(sums, f"bounds of float16 {of}, where float16 holds the slopes", within)
