"""Closed form, balance and free nats of KL terms, against NumPy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from prior_models import exact_kl
from scipy import special

import keras_concrete as kc
from keras_concrete import estimators

GENERATOR = np.random.default_rng(0)
PATHWISE = [name for name in estimators.names() if estimators.get(name).pathwise]


def logits(num_states):
    shape = (5, 3) if num_states == 2 else (5, 3, num_states)
    return GENERATOR.normal(size=(2, *shape)).astype("float32") * 2


def sampler(num_states, **kwargs):
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    return kind(0.7, seed=0, prior="given", name="z", **kwargs)


def of_tensors(num_states, **kwargs):
    return kc.RelaxedKL(
        posterior_temperature=0.7, prior_temperature=0.7, num_states=num_states, **kwargs
    )


@pytest.mark.parametrize(
    ("estimator", "num_states"),
    [
        (name, n)
        for name in PATHWISE
        for n in (2, 4)
        if n == 2 or not estimators.get(name).binary_only
    ],
)
def test_the_closed_form_is_the_discrete_kl_at_any_estimator(estimator, num_states):
    q, p = logits(num_states)
    layer = sampler(
        num_states,
        kl_objective="analytic",
        estimator=estimator,
        num_samples=2 if estimators.get(estimator).adds_rows else None,
    )
    layer(q, p, training=True)
    expected = exact_kl(q, p, num_states).mean()
    np.testing.assert_allclose(layer.losses, [expected], rtol=1e-5)


@pytest.mark.parametrize("prior", ["uniform", "learned", "given"])
def test_it_is_the_default_where_the_prior_cannot_depend_on_the_state(prior):
    q, p = logits(4)
    layer = kc.ConcreteSample(0.5, prior=prior, seed=0)
    layer(q, **({"prior_logits": p} if prior == "given" else {}), training=True)
    expected = "relaxed" if prior == "given" else "analytic"
    assert layer.kl_objective == layer.get_config()["kl_objective"] == expected
    if prior != "given":
        kl = exact_kl(q, np.zeros_like(q), 4).mean()  # Free logits start at 0.
        np.testing.assert_allclose(layer.losses, [kl], rtol=1e-5)


def gradients(layer, q, p):
    q, p = tf.Variable(q), tf.Variable(p)
    with tf.GradientTape() as tape:
        layer(q, p, training=True)
        [loss] = layer.losses
    return float(loss), [g.numpy() for g in tape.gradient(loss, [q, p])]


def test_the_balance_weighs_the_gradients_to_posterior_and_prior():
    q, p = logits(4)
    layer = sampler(4, kl_objective="analytic", kl_weight=2.0, kl_balance=0.8)
    loss, (to_q, to_p) = gradients(layer, q, p)
    log_q, log_p = (special.log_softmax(np.float64(a), axis=-1) for a in (q, p))
    ratio = log_q - log_p
    kl = np.sum(np.exp(log_q) * ratio, axis=-1, keepdims=True)
    assert loss == pytest.approx(2.0 * kl.sum() / 5, rel=1e-5)
    expected = 2.0 * 0.2 * np.exp(log_q) * (ratio - kl) / 5
    np.testing.assert_allclose(to_q, expected, atol=1e-6)
    expected = 2.0 * 0.8 * (np.exp(log_p) - np.exp(log_q)) / 5
    np.testing.assert_allclose(to_p, expected, atol=1e-6)


@pytest.mark.parametrize("estimator", ["concrete", "straight_through"])
def test_a_sampled_term_is_balanced_as_one_in_closed_form(estimator):
    q, p = logits(2)
    plain, (plain_q, plain_p) = gradients(sampler(2, estimator=estimator), q, p)
    layer = sampler(2, estimator=estimator, kl_balance=0.75)
    balanced, (to_q, to_p) = gradients(layer, q, p)
    assert balanced == pytest.approx(plain, rel=1e-6) and np.all(plain_q != 0)
    np.testing.assert_allclose(to_q, 0.25 * plain_q, rtol=1e-5)
    np.testing.assert_allclose(to_p, 0.75 * plain_p, rtol=1e-5)


@pytest.mark.parametrize("balance", [None, 0.5])
def test_free_nats_cost_nothing_and_hold_for_the_mean_of_the_batch(balance):
    q, p = logits(4)
    q[:2] = p[:2]  # Two examples of no KL, which the others make up for.
    kl = exact_kl(q, p, 4)
    assert kl[0] == 0 and kl.mean() > 1
    for free, is_free in ((kl.mean() - 0.1, False), (kl.mean() + 0.1, True)):
        layer = sampler(
            4,
            kl_objective="analytic",
            kl_weight=0.5,
            free_nats=free,
            kl_balance=balance,
        )
        loss, (to_q, to_p) = gradients(layer, q, p)
        assert loss == pytest.approx(0.5 * max(free, kl.mean()), rel=1e-5)
        assert np.all(to_q == 0) == np.all(to_p == 0) == is_free


def test_the_report_has_neither_weight_nor_free_nats_and_tensors_do_as_samplers():
    q, p = logits(4)
    manners = {"free_nats": 100.0, "balance": 0.8, "objective": "analytic"}
    inputs = [keras.Input((3, 4)), keras.Input((3, 4))]
    own = sampler(
        4,
        kl_weight=0.3,
        free_nats=100.0,
        kl_balance=0.8,
        kl_objective="analytic",
        estimator="straight_through",
    )
    _, node = kc.ConcreteSample(0.7, return_node=True, estimator="straight_through")(
        inputs[0]
    )
    kl = of_tensors(4, loss_weight=0.3, name="z_kl", **manners)(node, *inputs)
    for outputs in (own(*inputs), kl):
        model = keras.Model(inputs, outputs)
        model.compile("sgd")
        found = model.evaluate([q, p], verbose=0, return_dict=True)
        assert found["loss"] == pytest.approx(30.0, rel=1e-5)
        assert found["z_kl"] == pytest.approx(exact_kl(q, p, 4).mean(), rel=1e-5)
        layer = model.layers[-1]
        again = keras.layers.deserialize(keras.layers.serialize(layer))
        assert again.get_config() == layer.get_config()


FAR = [0.0, 4_000.0, 6_000.0, 1e6]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("prior", ["uniform", "learned"])
@pytest.mark.parametrize("objective", ["analytic", "relaxed"])
def test_a_state_that_is_improbable_stays_in_the_prior(objective, prior, training):
    """Or the bound of a model that is sure of itself would not be one."""
    q = np.float32([[[0.0, -far, -far, -far]] for far in FAR])
    layer = kc.ConcreteSample(0.5, prior=prior, kl_objective=objective, seed=0)
    layer(q, training=training)
    if objective == "analytic" or not training:
        expected = exact_kl(q, np.zeros_like(q), 4).mean()
        np.testing.assert_allclose(layer.losses, [expected], rtol=1e-5)
    assert np.all(np.isfinite(layer.losses))


@pytest.mark.parametrize(
    ("dtype", "mask"),
    [
        ("float32", -np.inf),
        ("float32", -1e9),
        ("float32", np.finfo("float32").min),
        ("float16", -3e4),
        ("float16", -65504.0),
        ("bfloat16", -1e9),
    ],
)
def test_a_state_that_a_mask_rules_out_does_not(dtype, mask):
    q = keras.ops.cast(np.array([[[0.5, mask, 1.0, mask, 0.0]]]), dtype)
    for prior in ("uniform", "learned"):
        layer = kc.ConcreteSample(0.5, prior=prior, seed=0, dtype=dtype)
        layer(q)
        kept = np.float32([[[0.5, 1.0, 0.0]]])
        expected = exact_kl(kept, np.zeros_like(kept), 3).mean()
        np.testing.assert_allclose(layer.losses, [expected], rtol=1e-5)
