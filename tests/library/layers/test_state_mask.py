"""States ruled out on every road: samplers, scores, priors and all estimators."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import keras_concrete as kc
from keras_concrete import estimators

N_ARY = [n for n in estimators.names() if not estimators.get(n).binary_only]
ALLOWED = np.array([[True, False, True, True], [False, True, False, True]])
X = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")


def samples_of(estimator):
    return {"nvil": 1, "disarm": 2}.get(estimator, 3)


class Model:
    """A masked posterior and prior of two units, and the bound."""

    def __init__(self, estimator, num_states=4):
        self.estimator = estimator
        self.sample = kc.ConcreteSample(
            1.0, samples_of(estimator), True, estimator=estimator, seed=0
        )
        axis = {"num_states": num_states, "sample_axis": True}
        self.log_q, self.log_p = (kc.ConcreteLogProb(t, **axis) for t in (1.0, 0.7))
        self.bound = kc.MultiSampleBound(estimator, 0, num_states)

    def __call__(self, q, p, weights, training):
        state, node = self.sample(q, training=training)
        log_q = self.log_q(node, q, training=training)
        log_p = self.log_p(node, p, q, training=training)
        log_x = keras.ops.sum(state * weights, axis=(2, 3))
        reads_node = estimators.get(self.estimator).reads_first_draw
        reads = [q, node] if reads_node else [X]
        bound = self.bound([log_x, log_p], [log_q], reads, training=training)
        return state, node, log_q, log_p, bound


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("estimator", N_ARY)
def test_ruled_out_states_are_never_drawn_and_all_is_finite(estimator, training):
    generator = np.random.default_rng(1)
    free_q, free_p, weights = (
        tf.constant(generator.normal(size=(*batch, 2, 4)), "float32")
        for batch in ((6,), (6,), ())
    )
    model = Model(estimator)
    with tf.GradientTape() as tape:
        tape.watch([free_q, free_p, weights])
        q, p = (kc.StateMask()(logits, ALLOWED) for logits in (free_q, free_p))
        state, node, log_q, log_p, bound = model(q, p, weights, training)
        loss = -tf.reduce_mean(bound)
    slopes = tape.gradient(loss, [free_q, free_p, weights], unconnected_gradients="zero")
    for part in (state, node, log_q, log_p, bound, *slopes):
        assert np.all(np.isfinite(part))
    assert np.all(state.numpy()[..., ~ALLOWED] == 0)
    assert np.all(slopes[0].numpy()[:, ~ALLOWED] == 0)
    if training:
        assert np.any(slopes[0].numpy()[:, ALLOWED] != 0)
    assert np.max(np.abs([log_q, log_p])) < 1e3
    if estimator == "concrete":
        _check_smaller_units(q, p, node, (log_q, log_p), training)


def _check_smaller_units(q, p, node, scores, training):
    """The scores are those of units of three states, and of two."""
    for ours, logits, t in zip(scores, (q, p), (1.0, 0.7), strict=True):
        theirs = 0.0
        for unit, allowed in enumerate(ALLOWED):
            score = kc.distributions.ExpConcrete(
                t, logits.numpy()[:, None, unit, allowed]
            )
            value = node.numpy()[:, :, unit][..., allowed]
            if not training:
                score = kc.distributions.Discrete(logits.numpy()[:, None, unit, allowed])
                value = np.eye(value.shape[-1], dtype="float32")[value.argmax(-1)]
            theirs = theirs + score.log_prob(value).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("prior", ["uniform", "learned", "given"])
@pytest.mark.parametrize("training", [False, True])
def test_a_samplers_own_kl_is_that_of_the_smaller_units(prior, training):
    free = np.random.default_rng(2).normal(size=(50, 2, 4)).astype("float32")
    q = kc.StateMask()(free, ALLOWED)
    given = {}
    if prior == "given":
        given = {"prior_logits": kc.StateMask()(np.zeros_like(free), ALLOWED)}
    layer = kc.ConcreteSample(
        0.8,
        return_node=True,
        prior=prior,
        prior_temperature=0.5,
        kl_objective="relaxed",
        seed=0,
    )
    with tf.GradientTape() as tape:
        _, node = layer(q, **given, training=training)
        loss = layer.losses[0]
    for slope in tape.gradient(loss, [w.value for w in layer.trainable_weights]):
        assert np.all(np.isfinite(slope))
    expected = 0.0
    for unit, allowed in enumerate(ALLOWED):
        logits, value = (part.numpy()[:, unit, allowed] for part in (q, node))
        parts = []
        for of_density, t in ((logits, 0.8), (np.zeros_like(logits), 0.5)):
            score = kc.distributions.ExpConcrete(t, of_density)
            if not training:
                score = kc.distributions.Discrete(of_density)
            parts.append(score)
        if not training:
            value = np.eye(value.shape[-1], dtype="float32")[value.argmax(-1)]
        expected += np.mean(parts[0].log_prob(value) - parts[1].log_prob(value))
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_the_analytic_kl_is_that_of_the_states_that_are_left():
    generator = np.random.default_rng(3)
    free = [generator.normal(size=(5, 2, 4)).astype("float32") for _ in range(2)]
    q, p = (kc.StateMask()(logits, ALLOWED) for logits in free)
    _, node = kc.ConcreteSample(0.8, return_node=True, seed=0)(q)
    expected = 0.0
    for unit, allowed in enumerate(ALLOWED):
        log_q, log_p = (
            special.log_softmax(np.float64(logits[:, unit, allowed]), axis=-1)
            for logits in free
        )
        expected += np.sum(np.exp(log_q) * (log_q - log_p), axis=-1)
    temperatures = {"posterior_temperature": 0.8, "prior_temperature": 0.5}
    kl = kc.RelaxedKL(**temperatures, num_states=4, objective="analytic")
    for training in (False, True):
        np.testing.assert_allclose(kl(node, q, p, training=training), expected, rtol=1e-5)


def test_a_mask_is_saved_with_a_model_and_may_come_with_each_example(tmp_path):
    x, allowed = keras.Input((2, 4)), keras.Input((2, 4), dtype="bool")
    by_constant = kc.StateMask()(x, ALLOWED)
    by_input = kc.StateMask()(x, allowed)
    sampler = kc.ConcreteSample(1.0, seed=0)
    model = keras.Model([x, allowed], [sampler(by_constant), sampler(by_input)])
    masks = np.random.default_rng(0).uniform(size=(50, 2, 4)) < 0.5
    masks[..., 0] = True
    logits = np.zeros((50, 2, 4), "float32")
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        constant, given = (part.numpy() for part in each([logits, masks]))
        assert np.all(constant[:, ~ALLOWED] == 0) and np.all(given[~masks] == 0)
        assert np.all(constant.sum(-1) == 1) and np.all(given.sum(-1) == 1)


def test_a_unit_of_no_state_is_nan():
    logits = np.zeros((2, 3), "float32")
    allowed = np.array([[True, True, False], [False, False, False]])
    masked = kc.StateMask()(logits, allowed).numpy()
    assert masked[0].tolist() == [0, 0, -np.inf] and np.all(np.isnan(masked[1]))
    assert np.all(np.isnan(kc.ConcreteSample(1.0)(masked)[1]))
