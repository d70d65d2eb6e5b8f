"""Hard Concrete gates against integrals, and what holds them at a target."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, optimize, special, stats

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

LOGITS = np.float32([-6.0, -2.5, -1.0, 0.0, 1.0, 4.0])


def gate_of(noise, logit, temperature, stretch):
    """The paper's equations 9 to 11, in float64."""
    gamma, zeta = -stretch, 1 + stretch
    s = special.expit((logit + noise) / temperature)
    return min(1.0, max(0.0, s * (zeta - gamma) + gamma))


def chance_of_zero(logit, temperature, stretch):
    """Where the gate leaves 0 is found by bisection, and what lies below by SciPy."""

    def height(noise):
        s = special.expit((logit + noise) / temperature)
        return s * (1 + 2 * stretch) - stretch

    return stats.logistic.cdf(optimize.brentq(height, -60, 60, xtol=1e-12))


def constant(values):
    return keras.initializers.Constant(np.asarray(values).tolist())


@pytest.mark.parametrize(("temperature", "stretch"), [(2 / 3, 0.1), (0.3, 0.5)])
def test_l0_and_draws_are_those_of_the_integrals(temperature, stretch):
    layer = kc.HardConcrete(
        -1, temperature, stretch, logits_initializer=constant(LOGITS), seed=0
    )
    draws = 20_000
    gates = layer(np.ones((draws, 6), "float32"), training=True).numpy()
    zero = [chance_of_zero(logit, temperature, stretch) for logit in LOGITS]
    assert float(layer.l0) == pytest.approx(6 - sum(zero), rel=1e-5)
    for column, logit, chance in zip(gates.T, LOGITS, zero, strict=True):
        # Twelve of these in all, each of which fails by chance once in 100,000 seeds.
        assert stats.binomtest(int(np.sum(column == 0)), draws, chance).pvalue > 1e-5
        mean, square = (
            integrate.quad(
                lambda noise, logit=logit, power=power: (
                    gate_of(noise, logit, temperature, stretch) ** power
                    * stats.logistic.pdf(noise)
                ),
                *(-50, 50),
                limit=500,
            )[0]
            for power in (1, 2)
        )
        # Five standard errors: by chance once in 1,700,000 seeds.
        error = np.sqrt((square - mean**2) / draws)
        assert abs(np.mean(column) - mean) < 5 * error + 1e-6
    assert np.min(gates) == 0 and np.max(gates) == 1


def test_gates_without_noise_are_the_papers_and_exact_at_both_ends():
    layer = kc.HardConcrete(logits_initializer=constant([*LOGITS, -1000, 1000]))
    gates = layer(np.ones((1, 8), "float32")).numpy()[0]
    expected = [gate_of(0, logit, 1, 0.1) for logit in LOGITS]
    np.testing.assert_allclose(gates, [*expected, 0, 1], rtol=1e-6)
    assert gates[0] == gates[1] == gates[6] == 0 and gates[5] == gates[7] == 1
    np.testing.assert_array_equal(layer.gates, gates)


@pytest.mark.parametrize("axis", [1, -1, (1, 3), (-1, 1)])
def test_gates_lie_along_their_axes_and_each_example_draws_its_own(axis):
    x = np.random.default_rng(0).normal(size=(5, 2, 3, 4)).astype("float32")
    layer = kc.HardConcrete(axis, seed=0)
    gates = layer(x, training=True).numpy() / x
    axes = {a % 4 for a in np.atleast_1d(axis)}
    sizes = [size if i in axes else 1 for i, size in enumerate(x.shape)]
    assert list(layer.logits.shape) == [size for size in sizes if size > 1]
    for i in {1, 2, 3} - axes:
        np.testing.assert_allclose(np.ptp(gates, axis=i), 0, atol=1e-6)
    one = gates[:, :, :1] if 2 not in axes else gates
    open_gates = one[(one > 0) & (one < 1)].round(5)
    assert len(np.unique(one[:, 0, 0, 0])) > 1
    assert len(np.unique(open_gates)) > 1


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_values_and_gradients_are_finite_at_the_ends_of_the_range(policy):
    logits = np.float32([-1000, -30, 0, 30, 1000])
    for temperature in (0.01, 2 / 3, 10.0):
        layer = kc.HardConcrete(
            temperature=temperature,
            l0_weight=1.0,
            logits_initializer=constant(logits),
            seed=0,
            dtype=policy,
        )
        x = tf.ones((50, 5))
        for training in (True, False):
            with tf.GradientTape() as tape:
                gated = layer(x, training=training)
                loss = tf.reduce_sum(tf.cast(gated, "float32")) + layer.losses[0]
            slopes = tape.gradient(loss, layer.trainable_weights[0].value)
            assert np.all(np.isfinite(gated)) and np.all(np.isfinite(slopes))


def test_the_weight_of_l0_is_in_the_loss_and_its_value_in_the_history():
    gate = kc.HardConcrete(
        l0_weight=0.25, logits_initializer=constant(LOGITS), logits_scale=4.0, name="gate"
    )
    model = keras.Sequential([keras.Input((6,)), gate])
    model.compile(keras.optimizers.SGD(0.0), loss=lambda y, z: 0.0 * z)
    x = np.zeros((8, 6), "float32")
    l0 = sum(1 - chance_of_zero(logit, 2 / 3, 0.1) for logit in LOGITS)
    for values in (
        model.evaluate(x, x, verbose=0, return_dict=True),
        {k: v[0] for k, v in model.fit(x, x, batch_size=4, verbose=0).history.items()},
    ):
        assert values == pytest.approx({"gate_l0": l0, "loss": l0 / 4}, rel=1e-5)
    with tf.GradientTape() as tape:
        gate(x)
        loss = gate.losses[0]
    slope = tape.gradient(loss, gate.trainable_weights[0].value)
    higher, lower = (
        sum(1 - chance_of_zero(logit, 2 / 3, 0.1) for logit in LOGITS + 4 * shift)
        for shift in (1e-4, -1e-4)
    )
    assert float(tf.reduce_sum(slope)) == pytest.approx(
        (higher - lower) / 2e-4 / 4, rel=1e-3
    )


def test_the_multiplier_climbs_by_the_surplus_and_never_falls_below_zero():
    gate = kc.HardConcrete(
        target_sparsity=0.5, multiplier_rate=0.1, logits_initializer=constant(LOGITS)
    )
    x = np.ones((3, 6), "float32")
    l0 = sum(1 - chance_of_zero(logit, 2 / 3, 0.1) for logit in LOGITS)
    surplus, expected = l0 / 6 - 0.5, 0.0
    assert surplus > 0
    for _ in range(3):
        gate(x, training=True)
        assert float(gate.losses[0]) == pytest.approx((expected + 5 * surplus) * surplus)
        expected += 0.1 * surplus
        assert float(gate.multiplier) == pytest.approx(expected)
    gate(x)
    gate.trainable = False  # Its gates cannot move, so neither may their price.
    gate(x, training=True)
    assert float(gate.multiplier) == pytest.approx(expected)
    closed = kc.HardConcrete(
        target_sparsity=0.5, logits_initializer=constant(np.full(6, -9.0))
    )
    closed(x, training=True)
    assert float(closed.multiplier) == 0.0 and float(closed.losses[0]) == 0.0


def test_fit_closes_the_gates_that_the_target_does_not_need():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(512, 16)).astype("float32")
    y = x[:, :4] @ np.float32([[1.0], [-1.0], [0.7], [1.3]])
    gate = kc.HardConcrete(target_sparsity=0.75, multiplier_rate=0.01, seed=0)
    model = keras.Sequential([keras.Input((16,)), gate, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.03), "mse")
    model.fit(x, y, batch_size=64, epochs=30, verbose=0)
    is_open = np.asarray(gate.gates) > 0
    assert is_open.tolist() == [True] * 4 + [False] * 12
    assert float(gate.l0) == pytest.approx(4, abs=0.4)
