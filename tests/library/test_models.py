"""Belief networks: one set of weights, two graphs, at home in `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

DATA = np.random.default_rng(0).integers(0, 2, (64, 6)).astype("uint8")


def network(architecture="4H~3H-6V", **kwargs):
    return kc.SigmoidBeliefNetwork(architecture, **{"seed": 0, **kwargs})


@pytest.mark.parametrize(
    ("architecture", "shapes"),
    [
        # p reads from the top down, q from the image up; `~` is two tanh layers, in p of
        # the size of the layer conditioned on, in q of the latent layer they lead to.
        (
            "3H-6V",
            {"posterior_1_logits": (6, 3), "likelihood_logits": (3, 6), "prior_1": (3,)},
        ),
        (
            "4H~3H-6V",
            {
                "posterior_1_logits": (6, 3),
                "posterior_2_tanh_1": (3, 4),
                "posterior_2_tanh_2": (4, 4),
                "posterior_2_logits": (4, 4),
                "prior_2": (4,),
                "prior_1_tanh_1": (4, 4),
                "prior_1_tanh_2": (4, 4),
                "prior_1_logits": (4, 3),
                "likelihood_logits": (3, 6),
            },
        ),
        (
            "5H-4H~6V",
            {
                "posterior_1_tanh_1": (6, 4),
                "posterior_1_tanh_2": (4, 4),
                "posterior_1_logits": (4, 4),
                "posterior_2_logits": (4, 5),
                "prior_2": (5,),
                "prior_1_logits": (5, 4),
                "likelihood_tanh_1": (4, 4),
                "likelihood_tanh_2": (4, 4),
                "likelihood_logits": (4, 6),
            },
        ),
    ],
)
def test_the_notation_builds_the_networks_of_the_paper(architecture, shapes):
    model = network(architecture)
    built = {
        layer.name: tuple(layer.trainable_weights[0].shape)
        for layer in model.layers
        if layer.trainable_weights
    }
    assert built == shapes


def test_visible_biases_start_at_the_logits_of_the_mean_and_the_rest_at_zero():
    mean = (DATA.sum(0) + 1) / (len(DATA) + 2)
    model = network(visible_mean=mean)
    biases = {w.path: np.asarray(w) for w in model.weights if w.path.endswith("bias")}
    visible = biases.pop("likelihood_logits/bias")
    np.testing.assert_allclose(visible, np.log(mean / (1 - mean)), rtol=1e-5)
    assert all(not bias.any() for bias in biases.values())


@pytest.mark.parametrize("arity", [2, 4, 8])
def test_units_are_bits_at_every_arity_and_temperatures_are_the_papers(arity):
    model = network("12H~6V", arity=arity)
    bits = int(np.log2(arity))
    assert model.encode(DATA, seed=0)["codes_1"].shape == (64, 12)
    units = 12 // bits
    expected = (units,) if arity == 2 else (units, arity)
    assert model.get_layer("prior_1").logits.shape == expected
    prior, posterior = {2: (1 / 2, 2 / 3), 4: (2 / 3, 1), 8: (2 / 5, 2 / 3)}[arity]
    assert model.get_layer("log_prior_1").temperature == prior
    assert model.get_layer("log_posterior_1").temperature == posterior
    assert model.get_layer(f"latent_1_arity_{arity}").temperature == posterior


@pytest.mark.parametrize(("encoder_units", "expected"), [(None, 4), (6, 6)])
def test_the_encoder_has_the_size_of_its_layer_or_that_of_section_d1(
    encoder_units, expected
):
    model = network("3H~4H~6V", encoder_units=encoder_units)
    sizes = [model.get_layer(f"posterior_1_tanh_{i}").kernel.shape for i in (1, 2)]
    assert sizes == [(6, expected), (expected, expected)]
    assert model.get_layer("posterior_2_tanh_1").kernel.shape == (4, 3)
    again = kc.SigmoidBeliefNetwork.from_config(model.get_config())
    assert again.encoder_units == encoder_units
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


def test_with_one_latent_layer_there_is_nothing_to_center():
    def centerings(model):
        return [x for x in model.layers if isinstance(x, kc.Centering)]

    assert len(centerings(network("4H~6V"))) == 0
    assert len(centerings(network("5H-4H-3H-6V"))) == 2
    assert len(centerings(network("5H-4H-3H-6V", centering=False))) == 0


@pytest.mark.parametrize(
    ("policy", "jit_compile"),
    [
        ("float32", False),
        ("float32", True),
        ("mixed_bfloat16", True),
        ("mixed_float16", False),
    ],
)
def test_fit_improves_the_bound_under_every_policy_and_saves(
    policy, jit_compile, tmp_path
):
    images = np.repeat(DATA[:4], 32, 0)
    keras.config.set_dtype_policy(policy)
    model = network(num_samples=3)
    model.compile(
        keras.optimizers.Adam(0.03), jit_compile=jit_compile, steps_per_execution=2
    )
    history = model.fit(images, epochs=8, verbose=0, validation_data=(DATA,)).history
    assert sorted(history) == sorted(
        prefix + name
        for prefix in ("", "val_")
        for name in ("bound", "kl", "loss", "reconstruction")
    )
    assert np.all(np.isfinite(history["val_bound"]))
    assert history["bound"][-1] > history["bound"][0] + 0.3
    np.testing.assert_allclose(history["loss"], -np.array(history["bound"]), rtol=1e-3)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.get_config() == model.get_config()
    ours, theirs = (m.predict(DATA, verbose=0) for m in (model, revived))
    for name in ("bound", "log_likelihood", "log_posterior", "log_prior"):
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_training_is_relaxed_and_everything_else_discrete():
    model = network("3H-6V", num_samples=2)
    terms = model(DATA, training=False)
    state_masses = np.log(0.5) * 3
    np.testing.assert_allclose(terms["log_prior"], state_masses, rtol=1e-5)
    relaxed = model(DATA, training=True)["log_prior"]
    assert np.std(relaxed) > 0.1
    predicted = model.predict(DATA, verbose=0)["log_prior"]
    np.testing.assert_allclose(predicted, state_masses, rtol=1e-5)


def test_for_one_sample_the_bound_is_reconstruction_minus_kl():
    model = network(num_samples=1)
    model.compile("adam")
    values = model.evaluate(DATA, verbose=0, return_dict=True)
    assert values["bound"] == pytest.approx(values["reconstruction"] - values["kl"])
    terms = model.predict(DATA, verbose=0)
    total = terms["log_likelihood"] + terms["log_prior"] - terms["log_posterior"]
    np.testing.assert_allclose(terms["bound"], total[:, 0], rtol=1e-5)


def test_sample_weight_weighs_loss_and_metrics():
    model = network("3H-6V", num_samples=1)
    model.compile("sgd")
    weights = np.zeros(64, "float32")
    weights[:16] = 1.0
    for targets in ((), (DATA,)):  # Keras alone drops weights without targets.
        options = {"sample_weight": weights, "verbose": 0, "batch_size": 64}
        weighted = model.evaluate(DATA, *targets, return_dict=True, **options)
        assert weighted["loss"] == pytest.approx(-weighted["bound"] * 16 / 64, rel=1e-5)
        validation = (DATA, *(targets or (None,)), 0 * weights)
        options = options | {"sample_weight": 0 * weights, "validation_data": validation}
        history = model.fit(DATA, *targets, **options).history
        assert history["loss"] == history["val_loss"] == [0.0]


def test_regularizers_join_the_loss():
    model = network("3H-6V")
    dense, penalty = model.get_layer("likelihood_logits"), keras.regularizers.L2(10.0)
    dense.kernel.regularizer = penalty
    terms = model(DATA)
    loss = float(model.compute_loss(DATA, None, terms))
    added = float(penalty(dense.kernel))
    assert added > 0.1
    assert loss == pytest.approx(-np.mean(terms["bound"]) + added, rel=1e-5)


def test_losses_of_two_replicas_add_up_to_that_of_one_device():
    """Gradients of replicas are summed, so that a local mean would count twice."""
    devices = [d.name for d in tf.config.list_logical_devices("CPU")[:2]]
    strategy = tf.distribute.MirroredStrategy(devices)
    images = tf.cast(DATA[:8], tf.float32)
    with strategy.scope():
        model = network("3H-6V")
    kernel = model.get_layer("likelihood_logits").kernel
    kernel.regularizer = keras.regularizers.L2(10.0)
    terms = {name: tf.ones_like(value) for name, value in model(images).items()}

    @tf.function
    def losses():
        return strategy.run(lambda: model.compute_loss(images, None, terms))

    per_replica = strategy.experimental_local_results(losses())
    one = model.compute_loss(images, None, terms)
    assert len(per_replica) == 2
    assert sum(float(x) for x in per_replica) == pytest.approx(float(one))


def test_layers_of_one_network_do_not_share_noise_nor_networks_of_two_seeds():
    seeds = [
        layer.seed
        for seed in (0, 1)
        for layer in network("4H-4H-4H-6V", seed=seed).layers
        if hasattr(layer, "seed_generator")
    ]
    assert len(set(seeds)) == 6
    codes = network("6H-6H-6V").sample(50, seed=0)["codes"]
    assert 0 < np.mean(np.asarray(codes) > 0) < 1


def test_a_seed_repeats_a_call_and_leaves_the_model_as_it_was():
    model = network()
    state = [np.asarray(v.value) for v in model.variables]
    for call in (
        lambda seed: model.log_weights(DATA, 4, seed=seed),
        lambda seed: model.log_weights(DATA, 4, training=True, seed=seed),
        lambda seed: model.encode(DATA, seed=seed)["codes_1"],
        lambda seed: model.sample(9, seed=seed)["codes"],
    ):
        np.testing.assert_array_equal(call(5), call(5))
        assert not np.array_equal(call(5), call(6))
    for old, new in zip(state, model.variables, strict=True):
        np.testing.assert_array_equal(old, new.value)
    assert not np.array_equal(model.log_weights(DATA, 4), model.log_weights(DATA, 4))


def test_any_number_of_samples_at_run_time():
    model = network(num_samples=2)
    draw = tf.function(lambda m: model.log_weights(DATA, m, seed=0))
    for num_samples in (1, 3, 20):
        assert draw(tf.constant(num_samples)).shape == (64, num_samples)


def test_rows_keep_their_codes_when_the_batch_grows():
    model = network()
    few, many = (model.encode(DATA[:n], seed=3)["codes_1"] for n in (5, 64))
    np.testing.assert_array_equal(few, many[:5])


def test_ancestral_samples_have_the_frequencies_of_the_prior():
    model = network("2H-6V")
    model.get_layer("prior_1").logits.assign([1.5, -0.5])
    codes = np.asarray(model.sample(20_000, seed=0)["codes"]) > 0
    expected = 1 / (1 + np.exp([-1.5, 0.5]))
    error = np.sqrt(expected * (1 - expected) / 20_000)
    # 4.4 standard errors, two units: false alarm once in 50,000 seeds
    assert np.all(np.abs(codes.mean(0) - expected) < 4.4 * error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architecture": "4H+6V"}, "at position 2"),
        ({"num_samples": 0}, "`num_samples` must be a positive integer"),
        ({"estimator": "magic"}, "`estimator` must be one of"),
        ({"arity": 16}, "temperatures for arity 2, 4 and 8"),
        ({"arity": 3, "prior_temperature": 1, "posterior_temperature": 1}, "power of 2"),
        ({"architecture": "5H~6V", "arity": 4}, "5 bits cannot be made"),
        ({"visible_mean": [0.5] * 5}, "`visible_mean` must hold 6 numbers"),
        ({"visible_mean": [0.0] * 6}, "strictly between 0 and 1"),
        ({"prior_temperature": -1.0}, "`prior_temperature` must be a positive number"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        network(**arguments)
