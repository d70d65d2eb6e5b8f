"""Networks that predict one image from another, `2V-3H-2H-4V`."""

import belief_oracle
import keras
import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete import estimators

pytestmark = pytest.mark.usefixtures("without_xla")

CONTEXT_UNITS, UNITS = 3, 4
GENERATOR = np.random.default_rng(0)
CONTEXT = GENERATOR.integers(0, 2, (32, CONTEXT_UNITS)).astype("uint8")
IMAGE = GENERATOR.integers(0, 2, (32, UNITS)).astype("uint8")


def network(architecture="3V-2H~2H-4V", **kwargs):
    """A network with random weights."""
    model = kc.SigmoidBeliefNetwork(architecture, **{"seed": 0, **kwargs})
    generator = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(0, 1, weight.shape))
    return model


def num_samples(estimator):
    return 1 if estimator == "nvil" else 2


@pytest.mark.parametrize(
    ("architecture", "shapes"),
    [
        # `~` is two tanh layers of the size of the layer conditioned on.
        (
            "3V~4H-2H~5V",
            {
                "prior_2_tanh_1": (3, 3),
                "prior_2_tanh_2": (3, 3),
                "prior_2_logits": (3, 4),
                "prior_1_logits": (4, 2),
                "likelihood_tanh_1": (2, 2),
                "likelihood_tanh_2": (2, 2),
                "likelihood_logits": (2, 5),
            },
        ),
        ("3V-2H-5V", {"prior_1_logits": (3, 2), "likelihood_logits": (2, 5)}),
    ],
)
def test_the_notation_builds_one_network_from_the_context_down(architecture, shapes):
    model = network(architecture)
    built = {
        layer.name: tuple(layer.trainable_weights[0].shape)
        for layer in model.layers
        if layer.trainable_weights
    }
    assert built == shapes
    assert model.is_conditional and not network("2H-4V").is_conditional


@pytest.mark.parametrize(("arity", "temperature"), [(2, 2 / 3), (4, 1.0), (8, 2 / 3)])
def test_one_temperature_serves_the_whole_graph(arity, temperature):
    for given, expected in ((None, temperature), (0.3, 0.3)):
        model = kc.SigmoidBeliefNetwork(
            "3V-6H-6H-4V", arity=arity, posterior_temperature=given
        )
        samplers = [layer for layer in model.layers if layer.name.startswith("latent_")]
        assert [layer.temperature for layer in samplers] == [expected] * 2


@pytest.mark.parametrize(("arity", "estimator"), [(2, "concrete"), (4, "nvil")])
def test_the_bound_converges_to_the_exact_log_likelihood(arity, estimator):
    """The mean weight, whose error is known, is p(image given context)."""
    model = network(arity=arity, estimator=estimator)
    pairs = CONTEXT[:6], IMAGE[:6]
    exact = np.exp(belief_oracle.log_likelihood(model, pairs))
    weights = np.exp(np.float64(model.log_weights(pairs, 20_000, seed=0)))
    error = weights.std(1) / np.sqrt(weights.shape[1])
    # 5 standard errors, six images: false alarm once in 300,000 seeds
    assert np.all(np.abs(weights.mean(1) - exact) < 5 * error)
    assert np.all(error < 0.03 * exact)


def test_probabilities_of_all_images_given_a_context_sum_to_one():
    model = network()
    images = belief_oracle.all_images(UNITS)
    context = np.repeat(CONTEXT[:1], len(images), 0)
    total = np.exp(belief_oracle.log_likelihood(model, (context, images))).sum()
    assert total == pytest.approx(1)
    estimate = np.exp(np.float64(model.log_weights((context, images), 5000, seed=0)))
    error = np.sqrt(np.sum(estimate.var(1) / 5000))
    assert abs(estimate.mean(1).sum() - 1) < 5 * error < 0.05


@pytest.mark.parametrize("estimator", estimators.names())
def test_any_number_of_log_weights_and_their_values(estimator):
    """log p(image given z), with z from the prior, whatever the estimator."""
    model = network("3V-2H-4V", estimator=estimator, num_samples=num_samples(estimator))
    weights = belief_oracle.weights_of(model)
    possible = belief_oracle.log_image(model, weights, IMAGE)
    found = estimators.get(estimator)
    rounded = ("straight_through", "straight_through_gumbel_softmax")
    rounds = isinstance(found, tuple(type(estimators.get(name)) for name in rounded))
    is_relaxed = isinstance(found, estimators.RelaxedEstimator) and not rounds
    for training in (False, True):
        log_weights = model.log_weights((CONTEXT, IMAGE), 5, training=training, seed=3)
        assert log_weights.shape == (32, 5)
        distance = np.abs(np.asarray(log_weights)[:, :, None] - possible[:, None])
        is_discrete = distance.min(axis=2).max() < 1e-4
        assert is_discrete != (training and is_relaxed)


def test_fit_learns_the_image_from_the_context_and_reports_the_bound():
    image = np.concatenate([CONTEXT, CONTEXT[:, :1]], axis=1)
    model = kc.SigmoidBeliefNetwork("3V-4H-4V", num_samples=5, seed=0)
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    repeated = [np.repeat(part, 10, 0) for part in (CONTEXT, image)]
    validation = {"validation_data": (CONTEXT, image), "validation_freq": 3}
    history = model.fit(*repeated, epochs=6, verbose=0, **validation).history
    assert sorted(history) == ["bound", "loss", "val_bound", "val_loss"]
    np.testing.assert_allclose(history["loss"], -np.array(history["bound"]), rtol=1e-5)
    # A coin for each pixel has -2.8 nats.
    assert history["bound"][0] < -1.5 and history["val_bound"][-1] > -0.7
    values = model.evaluate(CONTEXT, image, verbose=0, return_dict=True)
    exact = belief_oracle.log_likelihood(model, (CONTEXT, image)).mean()
    assert sorted(values) == ["bound", "loss"]
    assert values["bound"] < exact + 0.05


def test_training_with_baselines_is_the_same_with_xla_and_eagerly():
    """The estimator whose terms take the longest way: through the model's outputs."""
    results = []
    for compiling in ({"jit_compile": True}, {"run_eagerly": True}):
        model = network("3V-2H-4V", estimator="nvil")
        model.compile(keras.optimizers.SGD(0.1), **compiling)
        model.fit(CONTEXT, IMAGE, batch_size=16, shuffle=False, verbose=0)
        results.append([np.asarray(weight) for weight in model.weights])
    for compiled, eager in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


def test_sample_weight_weighs_pairs():
    model = network()
    model.compile("sgd")
    zero = np.zeros(32, "float32")
    assert model.evaluate(CONTEXT, IMAGE, sample_weight=zero, verbose=0)[0] == 0.0


@pytest.mark.parametrize("estimator", ["concrete", "nvil", "vimco"])
def test_predictions_are_the_mean_probabilities_of_the_samples(estimator):
    model = network(estimator=estimator, num_samples=num_samples(estimator))
    outputs = model(CONTEXT)
    logits = np.float64(outputs["logits"])
    assert logits.shape == (32, num_samples(estimator), UNITS)
    expected = np.mean(1 / (1 + np.exp(-logits)), axis=1)
    np.testing.assert_allclose(outputs["probabilities"], expected, rtol=1e-5)
    assert model.predict(CONTEXT, verbose=0).shape == (32, UNITS)


def test_predictions_are_the_exact_marginals_on_the_mean():
    model = network(num_samples=4000)
    weights = belief_oracle.weights_of(model)
    log_prior = belief_oracle.log_prior(model, weights, CONTEXT)
    logits = belief_oracle._conditioned(
        weights, "likelihood", belief_oracle.joint_codes(model)[0]
    )
    exact = np.exp(log_prior) @ (1 / (1 + np.exp(-logits)))
    predicted = model.predict(CONTEXT, verbose=0)
    # A probability's deviation is at most 1/2: 5.5 errors, 128 pixels, once in 200,000.
    assert np.max(np.abs(predicted - exact)) < 5.5 * 0.5 / np.sqrt(4000)


@pytest.mark.parametrize("arity", [2, 4])
def test_encode_draws_from_the_prior_given_the_context(arity):
    model = network(arity=arity)
    drawn = model.encode(CONTEXT, seed=1)
    assert sorted(drawn) == [
        f"{k}_{i}" for k in ("codes", "probabilities") for i in (1, 2)
    ]
    assert drawn["codes_2"].shape == drawn["codes_1"].shape == (32, 2)
    weights = belief_oracle.weights_of(model)
    logits = belief_oracle._conditioned(weights, "prior_2", np.float64(CONTEXT))
    if arity == 2:
        expected = 1 / (1 + np.exp(-logits))
    else:
        expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        expected = expected[:, None]
    np.testing.assert_allclose(drawn["probabilities_2"], expected, rtol=1e-4)
    decoded = model.decode(drawn["codes_1"])["probabilities"]
    assert decoded.shape == (32, UNITS)


@pytest.mark.parametrize("estimator", ["concrete", "nvil"])
def test_a_saved_network_goes_on_as_it_was_baselines_included(estimator, tmp_path):
    model = network(estimator=estimator, kernel_regularizer="l2")
    model.compile("adam", run_eagerly=True)
    model.train_on_batch(CONTEXT, IMAGE)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.get_config() == model.get_config()
    ours, theirs = ({w.path: w for w in m.weights} for m in (model, revived))
    assert sorted(ours) == sorted(theirs)
    assert any("surrogate" in path for path in ours) == (estimator == "nvil")
    for path, weight in ours.items():
        np.testing.assert_array_equal(weight, theirs[path])
    predicted = [m.predict(CONTEXT, verbose=0) for m in (model, revived)]
    np.testing.assert_array_equal(*predicted)
    losses = [m.train_on_batch(CONTEXT, IMAGE) for m in (model, revived)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


@pytest.mark.parametrize("architecture", ["2H-4V", "3V-2H-4V"])
def test_the_loss_adds_the_penalties_of_all_kernels_and_no_others(architecture):
    model = network(architecture, kernel_regularizer=keras.regularizers.L2(0.5))
    kernels = [w for w in model.trainable_weights if w.path.endswith("kernel")]
    assert len(kernels) == 2
    penalty = sum(0.5 * np.sum(np.float64(kernel) ** 2) for kernel in kernels)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    data = (CONTEXT, IMAGE) if model.is_conditional else (IMAGE,)
    history = model.fit(*data, batch_size=32, verbose=0).history
    assert penalty > 0.5
    assert history["loss"][0] == pytest.approx(penalty - history["bound"][0], rel=1e-5)
    revived = type(model).from_config(model.get_config())
    assert float(revived.kernel_regularizer.l2) == 0.5
    assert kc.SigmoidBeliefNetwork("2H-4V").kernel_regularizer is None


def test_what_does_not_fit_such_a_network_is_refused():
    with pytest.raises(ValueError, match="one temperature for the whole graph"):
        network(prior_temperature=0.5)
    with pytest.raises(ValueError, match="no prior of its own"):
        network().sample(3)
    model = network()
    model.compile("sgd", run_eagerly=True)
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"fit\(context, image\)"):
            call(CONTEXT, verbose=0)
    with pytest.raises(ValueError, match="needs `num_samples` of at least 2"):
        network(estimator="vimco")
    with pytest.raises(ValueError, match="for the bound of one sample"):
        network(estimator="nvil", num_samples=2)
