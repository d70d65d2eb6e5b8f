"""The bound as a function of log-weights, the layer and the loss that carry it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import keras_concrete as kc
from keras_concrete import objectives

log_weight = st.floats(-300, 300, width=32, allow_subnormal=False)


@settings(max_examples=50)
@given(arrays("float32", (3, 4), elements=log_weight))
def test_the_bound_is_the_log_of_the_mean_weight(log_weights):
    expected = np.logaddexp.reduce(log_weights.astype("float64"), 1) - np.log(4)
    bound = objectives.importance_weighted_bound(log_weights)
    np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=50)
@given(arrays("float32", (5, 1), elements=log_weight))
def test_with_one_sample_the_bound_is_exactly_the_log_weight(log_weights):
    bound = objectives.importance_weighted_bound(log_weights)
    np.testing.assert_array_equal(bound, log_weights[:, 0])
    no_axis = objectives.importance_weighted_bound(log_weights[:, 0])
    np.testing.assert_array_equal(no_axis, log_weights[:, 0])


@settings(max_examples=50)
@given(
    arrays(
        "float32", (3, 4), elements=st.floats(-20, 20, width=32, allow_subnormal=False)
    )
)
def test_the_effective_sample_size_lies_between_one_and_m(log_weights):
    size = np.asarray(objectives.effective_sample_size(log_weights))
    weights = np.exp(log_weights.astype("float64"))
    expected = weights.sum(1) ** 2 / (weights**2).sum(1)
    np.testing.assert_allclose(size, expected, rtol=1e-3)
    assert np.all(size > 0.999) and np.all(size < 4.001)


def test_terms_of_lists_are_summed():
    a, b, c = (np.full((2, 3), v, "float32") for v in (1.0, 10.0, 100.0))
    np.testing.assert_array_equal(objectives.log_weights([a, b], c), np.full((2, 3), -89))
    bound = kc.MultiSampleBound("concrete")([a, b], [c])
    np.testing.assert_allclose(bound, [-89, -89])


@pytest.mark.parametrize("shapes", [((2, 3), (2, 1)), ((2, 3), (3,)), ((2,), (2, 2))])
def test_terms_that_would_broadcast_are_refused(shapes):
    one, other = (np.zeros(shape, "float32") for shape in shapes)
    with pytest.raises(ValueError, match="same shape"):
        objectives.log_weights(one, other)
    with pytest.raises(ValueError, match="at least one tensor"):
        objectives.sum_terms([])


def test_the_gradient_of_the_bound_weighs_samples_by_their_normalised_weights():
    log_weights = np.array([[0.0, 1.0, 3.0]], "float32")
    variable = tf.Variable(log_weights)
    with tf.GradientTape() as tape:
        layer = kc.MultiSampleBound("concrete")
        bound = layer(variable, tf.zeros((1, 3)), training=True)
    expected = np.exp(log_weights) / np.exp(log_weights).sum()
    np.testing.assert_allclose(tape.gradient(bound, variable), expected, rtol=1e-5)


def make_model():
    x = keras.Input((6,))
    logits = keras.layers.Dense(4, name="q")(x)
    state, node = kc.BinaryConcreteSample(2 / 3, num_samples=3, return_node=True, seed=0)(
        logits
    )
    samples = {"sample_axis": True}
    log_prior = kc.ConcreteLogProb(1 / 2, **samples)(node, kc.LearnedLogits(4)(x))
    log_posterior = kc.ConcreteLogProb(2 / 3, **samples)(node, logits)
    decoded = keras.layers.Dense(6, name="p")(kc.HypercubeCode()(state))
    log_likelihood = kc.BernoulliLogLikelihood(**samples)(x, decoded)
    bound = kc.MultiSampleBound()([log_likelihood, log_prior], log_posterior)
    return keras.Model(x, bound)


DATA = np.random.default_rng(0).integers(0, 2, (48, 6)).astype("float32")


@pytest.mark.parametrize(
    ("jit_compile", "policy"),
    [(True, "float32"), (False, "mixed_bfloat16"), (True, "mixed_float16")],
)
def test_a_hand_written_model_that_ends_in_the_bound_trains_and_is_saved(
    jit_compile, policy, tmp_path
):
    keras.config.set_dtype_policy(policy)
    model = make_model()
    model.compile(
        keras.optimizers.Adam(0.03),
        loss=kc.NegativeBound(),
        jit_compile=jit_compile,
        steps_per_execution=2,
    )
    losses = model.fit(DATA, DATA, batch_size=12, epochs=6, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses)) and losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(DATA, verbose=0), revived.predict(DATA, verbose=0)
    )


def test_sample_weight_weighs_examples():
    bound = np.array([-1.0, -10.0], "float32")
    weights = np.array([3.0, 0.5], "float32")
    loss = kc.NegativeBound()(bound, bound, sample_weight=weights)
    np.testing.assert_allclose(loss, (3 * 1 + 0.5 * 10) / 2)
    model = make_model()
    model.compile("sgd", loss=kc.NegativeBound())
    zero = np.zeros(len(DATA), "float32")
    assert model.evaluate(DATA, DATA, sample_weight=zero, verbose=0) == 0.0


def test_the_loss_has_a_config_and_a_registered_name():
    loss = keras.losses.deserialize(keras.losses.serialize(kc.NegativeBound(name="nb")))
    assert isinstance(loss, kc.NegativeBound) and loss.name == "nb"


@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_losses_and_metrics_are_float32_whatever_floatx_is(floatx):
    keras.config.set_floatx(floatx)
    bound = np.full(256, -400.0, "float32")
    loss = kc.NegativeBound()(bound, bound)
    model = kc.SigmoidBeliefNetwork("3H-784V", dtype="float32", seed=0)
    model.compile("sgd")
    images = np.zeros((256, 784), "float32")
    found = model.evaluate(images, verbose=0, return_dict=True)
    assert loss.dtype == "float32" and float(loss) == 400.0
    found.pop("loss")  # Keras's own average, in floatx.
    assert all(np.isfinite(value) for value in found.values())
    assert found["bound"] == pytest.approx(
        found["reconstruction"] - found["kl"], rel=1e-5
    )
