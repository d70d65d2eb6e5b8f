"""Every estimator by name: in networks, and in users' models through the layers."""

import belief_oracle
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete import estimators

NAMES = estimators.names()
N_ARY_NAMES = [name for name in NAMES if not estimators.get(name).binary_only]
PATHWISE = [name for name in NAMES if estimators.get(name).pathwise]
OWN_DISCRETE_NOISE = ["concrete_gumbel_node", "gaussian"]
DATA = np.random.default_rng(0).integers(0, 2, (16, 3)).astype("uint8")


def num_samples(estimator):
    return {"nvil": 1, "disarm": 4, "arm": 4}.get(estimator, 3)


def network(estimator, architecture="2H-3V", **kwargs):
    """A network with random weights, the same for all estimators."""
    model = kc.SigmoidBeliefNetwork(
        architecture,
        estimator=estimator,
        **{"num_samples": num_samples(estimator), "seed": 0, **kwargs},
    )
    generator = np.random.default_rng(1)
    for weight in model.trainable_weights:
        if "surrogate" not in weight.path:
            weight.assign(generator.normal(0, 1, weight.shape))
    return model


def test_the_names_are_those_of_the_documentation():
    assert NAMES == [
        *("concrete", "concrete_dreg", "concrete_analytic_kl", "concrete_gumbel_node"),
        "gumbel_softmax",
        *("straight_through", "straight_through_gumbel_softmax"),
        *("reinmax", "gumbel_rao", "gapped_straight_through"),
        *("vimco", "nvil", "reinforce", "reinforce_running_mean"),
        *("reinforce_loo", "disarm", "arm", "muprop", "rebar", "relax"),
        *("reweighted_wake_sleep", "logistic_normal", "gaussian"),
    ]
    assert all(estimators.get(name).name == name for name in NAMES)


@pytest.mark.parametrize("estimator", NAMES)
def test_fit_moves_every_weight_and_reports_the_loss(estimator):
    model = network(estimator)
    before = {w.path: np.asarray(w) for w in model.trainable_weights}
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    history = model.fit(DATA, batch_size=8, verbose=0).history
    assert sorted(history) == ["bound", "kl", "loss", "reconstruction"]
    assert history["loss"][0] == pytest.approx(-history["bound"][0], rel=1e-5)
    for weight in model.trainable_weights:
        assert np.all(np.isfinite(weight)), weight.path
        # A baseline's hidden layer starts to learn after its output has.
        assert "hidden" in weight.path or np.any(weight != before[weight.path])


@pytest.mark.parametrize("estimator", NAMES)
def test_value_and_gradients_are_the_same_with_xla_and_eagerly(estimator):
    generator = np.random.default_rng(3)
    shape = (8, num_samples(estimator), 3)
    q, p = (generator.normal(size=shape[::2]).astype("float32") for _ in range(2))
    decoder = generator.normal(size=3).astype("float32")
    reads_node = estimators.get(estimator).reads_first_draw
    results = []
    for wrap in (lambda f: f, lambda f: tf.function(f, jit_compile=True)):
        sample = kc.BinaryConcreteSample(
            2 / 3, shape[1], return_node=True, estimator=estimator, seed=0
        )
        log_prior = kc.ConcreteLogProb(1 / 2, sample_axis=True)
        log_posterior = kc.ConcreteLogProb(2 / 3, sample_axis=True)
        bound = kc.MultiSampleBound(estimator, seed=0)
        sample.build(q.shape)
        terms = [shape[:2]]
        reads = [q.shape, shape] if reads_node else [q.shape]
        bound.build(terms * 2, terms, reads)

        def value_and_gradients(q, p, parts=(sample, log_prior, log_posterior, bound)):
            sample, log_prior, log_posterior, bound = parts
            with tf.GradientTape() as tape:
                tape.watch([q, p])
                state, node = sample(q, training=True)
                log_p = log_prior(node, p, q, training=True)
                log_q = log_posterior(node, q, training=True)
                log_likelihood = tf.tanh(tf.linalg.matvec(state, decoder))
                reads = [q, node] if reads_node else [q]
                value = bound([log_likelihood, log_p], [log_q], reads, training=True)
            return value, *tape.gradient(value, [q, p])

        results.append(wrap(value_and_gradients)(tf.constant(q), tf.constant(p)))
    for eager, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("estimator", NAMES)
def test_a_saved_network_has_the_same_log_weights_in_both_graphs(estimator, tmp_path):
    model = network(estimator)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.get_config() == model.get_config()
    assert revived.estimator == estimator
    assert revived.get_layer("latent_1_arity_2").estimator == estimator
    for training in (True, False):
        drawn = [m.log_weights(DATA, 4, training, seed=1) for m in (model, revived)]
        np.testing.assert_array_equal(*drawn)
        assert np.all(np.isfinite(drawn[0]))


def assert_value_is_of_terms(model):
    terms = model(DATA, training=True)
    log_weights = np.float64(terms["log_likelihood"]) + terms["log_prior"]
    log_weights = log_weights - terms["log_posterior"]
    expected = np.logaddexp.reduce(log_weights, axis=1) - np.log(model.num_samples)
    np.testing.assert_allclose(terms["bound"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("estimator", NAMES)
def test_the_value_of_the_bound_in_training_is_that_of_its_terms(estimator):
    assert_value_is_of_terms(network(estimator))
    if estimator in N_ARY_NAMES:
        assert_value_is_of_terms(network(estimator, "4H-2H-3V", arity=4))


@pytest.mark.parametrize("arity", [2, 4])
def test_outside_training_all_estimators_are_one_model(arity):
    names = NAMES if arity == 2 else N_ARY_NAMES
    reference = network("concrete", "2H-2H-3V", arity=arity)
    expected = reference.log_weights(DATA, 4, seed=1)
    for name in names:
        if name not in OWN_DISCRETE_NOISE or arity == 4:
            model = network(name, "2H-2H-3V", arity=arity)
            log_weights = model.log_weights(DATA, 4, seed=1)
            np.testing.assert_allclose(log_weights, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("estimator", OWN_DISCRETE_NOISE)
def test_outside_training_other_noise_has_the_same_law(estimator):
    model = network(estimator, "2H-2H-3V")
    images = belief_oracle.all_images(3)
    weights = belief_oracle.weights_of(model)
    log_q = belief_oracle.log_posterior(model, weights, images)
    elbo = np.sum(
        np.exp(log_q) * (belief_oracle.log_joint(model, weights, images) - log_q), axis=1
    )
    drawn = np.float64(model.log_weights(images, 5000, seed=0))
    error = drawn.std(1) / np.sqrt(5000)
    # 5 standard errors, eight images: false alarm once in 200,000 seeds
    assert np.all(np.abs(drawn.mean(1) - elbo) < 5 * error)
    assert np.all(error < 0.05)


# --- Users' own models --------------------------------------------------------------


def _dense(size, name):
    start = keras.initializers.GlorotUniform(seed=1)
    return keras.layers.Dense(size, kernel_initializer=start, name=name)


def own_model(
    estimator, num_states=2, num_samples=1, kl=False, temperatures=(2 / 3, 1 / 2)
):
    t, prior_t = temperatures
    units = 4 if num_states == 2 else 4 * num_states
    sampler = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    samples = {"sample_axis": num_samples is not None}
    options = {"num_states": num_states, **samples}
    x = keras.Input((6,))
    logits = _dense(units, "q")(x)
    if num_states > 2:
        logits = keras.layers.Reshape((4, num_states))(logits)
    state, node = sampler(t, num_samples, return_node=True, estimator=estimator, seed=0)(
        logits
    )
    prior = kc.LearnedLogits(4, num_states, name="prior")(x)
    codes = kc.HypercubeCode(num_states)(state)
    decoded = _dense(6, "p")(codes)
    log_likelihood = kc.BernoulliLogLikelihood(**samples)(x, decoded)
    if kl:
        term = kc.RelaxedKL(posterior_temperature=t, prior_temperature=prior_t, **options)
        bound = kc.MultiSampleBound()(log_likelihood, term(node, logits, prior))
        return keras.Model(x, bound)
    log_prior = kc.ConcreteLogProb(prior_t, **options)(node, prior, logits)
    log_posterior = kc.ConcreteLogProb(t, **options)(node, logits, logits)
    reads_node = estimators.get(estimator).reads_first_draw
    reads = [logits, node] if reads_node else [x]
    bound = kc.MultiSampleBound(seed=0, num_states=num_states)(
        [log_likelihood, log_prior], [log_posterior], reads
    )
    return keras.Model(x, bound)


OWN_DATA = np.random.default_rng(2).integers(0, 2, (16, 6)).astype("float32")


def value_and_gradients(model):
    with tf.GradientTape() as tape:
        bound = model(OWN_DATA, training=True)
    names = ("q", "p", "prior")
    weights = [model.get_layer(name).trainable_weights[0].value for name in names]
    return bound, dict(zip(names, tape.gradient(bound, weights), strict=True))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("estimator", NAMES)
def test_a_users_model_has_finite_gradients_in_mixed_precision(estimator, policy):
    keras.config.set_dtype_policy(policy)
    for num_states in (2, 4) if estimator in N_ARY_NAMES else (2,):
        model = own_model(estimator, num_states, num_samples(estimator))
        bound, gradients = value_and_gradients(model)
        assert bound.shape == (16,) and bound.dtype == tf.float32
        assert np.all(np.isfinite(bound)) and np.all(np.asarray(bound) < 0)
        for name, gradient in gradients.items():
            assert np.all(np.isfinite(gradient)) and np.any(gradient != 0), name


@pytest.mark.parametrize(
    ("estimator", "prior_temperature"),
    [("concrete_gumbel_node", 0.01), ("logistic_normal", 10.0)],
)
def test_steps_whose_slopes_float16_cannot_hold_are_skipped(estimator, prior_temperature):
    """Keras's loss scaling looks for infinities, which a bound on slopes would hide."""
    keras.config.set_dtype_policy("mixed_float16")
    temperatures = (0.01, prior_temperature)
    model = own_model(estimator, num_states=4, temperatures=temperatures)
    model.compile(keras.optimizers.Adam(0.1), loss=kc.NegativeBound())
    start = [np.array(weight) for weight in model.trainable_weights]
    model.fit(OWN_DATA, OWN_DATA, epochs=24, verbose=0)
    assert model.optimizer.dynamic_scale < model.optimizer.initial_scale
    assert all(np.all(np.isfinite(weight)) for weight in model.weights)
    changed = zip(start, model.trainable_weights, strict=True)
    assert any(np.any(before != after) for before, after in changed)


@pytest.mark.parametrize("estimator", PATHWISE)
def test_a_kl_layer_makes_the_same_model(estimator):
    for num_states in (2, 4) if estimator in N_ARY_NAMES else (2,):
        models = [own_model(estimator, num_states, None, kl) for kl in (False, True)]
        (bound, gradients), (by_kl, gradients_by_kl) = map(value_and_gradients, models)
        np.testing.assert_allclose(by_kl, bound, rtol=1e-4, atol=1e-4)
        for name, gradient in gradients.items():
            close = {"rtol": 1e-3, "atol": 1e-3, "err_msg": name}
            np.testing.assert_allclose(gradients_by_kl[name], gradient, **close)


@pytest.mark.parametrize("estimator", ["vimco", "nvil"])
def test_a_users_model_trains_and_is_saved(estimator, tmp_path):
    model = own_model(estimator, num_samples=num_samples(estimator))
    model.compile(keras.optimizers.Adam(0.1), loss=kc.NegativeBound(), run_eagerly=True)
    data = np.repeat(OWN_DATA[:2], 32, 0)
    losses = model.fit(data, data, batch_size=32, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.5
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    for weight, other in zip(model.weights, revived.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    predicted = [m.predict(OWN_DATA, verbose=0) for m in (model, revived)]
    np.testing.assert_array_equal(*predicted)
