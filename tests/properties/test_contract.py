"""What holds for everything public; for layers, see test_layers.py as well."""

import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

PUBLIC = {
    name: thing for name in kc.__all__ if not inspect.ismodule(thing := getattr(kc, name))
}
# A result is not made by hand: the function that returns it has the example.
RESULTS = (
    kc.BoundEstimate,
    kc.Dataset,
    kc.GradientReport,
    kc.GradientRow,
    kc.ModelCard,
    kc.TemperatureAdvice,
)
# Nor is an error, or what a model of one's own has to have.
NOT_MADE = (kc.DatasetUnavailableError, kc.LatentVariableModel)
SERIALIZABLE = (
    keras.layers.Layer,
    keras.losses.Loss,
    keras.metrics.Metric,
    keras.optimizers.schedules.LearningRateSchedule,
)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_says_what_each_thing_is_in_one_line_then_all_of_it(name):
    lines = inspect.getdoc(PUBLIC[name]).splitlines()
    assert lines[0].endswith((".", "?")) and lines[1:2] in ([], [""])
    sections = {line for line in lines if line.endswith(":")}
    if PUBLIC[name] not in NOT_MADE and inspect.signature(PUBLIC[name]).parameters:
        assert sections & {"Args:", "Attributes:"}
    assert "Example:" in sections or PUBLIC[name] in RESULTS + NOT_MADE
    if inspect.isfunction(PUBLIC[name]):
        assert sections & {"Returns:", "Raises:"}


@pytest.mark.parametrize("name", PUBLIC)
def test_each_argument_is_in_the_docstring(name):
    thing = PUBLIC[name]
    # To Python 3.11.2 the signature of a class that inherits its constructor is that
    # of Keras's `__new__`.
    has_init = isinstance(thing, type) and thing.__init__ is not object.__init__
    signature = inspect.signature(thing.__init__ if has_init else thing)
    named = [
        p.name
        for p in signature.parameters.values()
        if p.kind is not p.VAR_KEYWORD and p.name != "self"
    ]
    named = [] if thing in NOT_MADE else named
    missing = [p for p in named if f"    {p}: " not in inspect.getdoc(thing)]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, thing in PUBLIC.items()
        if isinstance(thing, type) and issubclass(thing, SERIALIZABLE)
    ],
)
def test_registered_names_have_the_packages_prefix(name):
    registered = keras.saving.get_registered_name(PUBLIC[name])
    assert registered == f"keras_concrete>{name}"


@pytest.mark.parametrize(
    "thing",
    [
        kc.NegativeBound(reduction="sum", name="bound"),
        kc.ExponentialAnnealing(1.0, rate=1e-3, minimum=0.5),
        kc.SigmoidBeliefNetwork("3H~4H~5V", arity=2, num_samples=2, seed=1),
        kc.SigmoidBeliefNetwork("4V-3H-2V", posterior_temperature=0.5),
        kc.SigmoidBeliefNetwork("4H-2V", arity=np.int64(4), num_samples=np.int64(2)),
        kc.HypercubeCode(np.int64(4)),
        kc.LearnedLogits(np.int64(3), np.int64(4)),
        kc.RelaxedKL(
            posterior_temperature=np.float32(1.0),
            prior_temperature=0.5,
            num_states=np.int64(4),
        ),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_configs_make_the_same_thing_again(thing):
    content = keras.saving.serialize_keras_object(thing)
    again = keras.saving.deserialize_keras_object(content)
    assert type(again) is type(thing)
    assert again.get_config() == thing.get_config()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("jit", [False, True])
def test_the_loss_is_the_mean_bound_whatever_its_dtype(dtype, jit):
    bound = tf.cast(tf.constant([-8.0, -16.0, -32.0]), dtype)
    weight = tf.constant([1.0, 1.0, 0.0])
    loss = tf.function(kc.NegativeBound(), jit_compile=jit)
    value = loss(tf.zeros_like(bound), bound, sample_weight=weight)
    assert value.dtype == tf.float32 and float(value) == 8.0


class _Rate(keras.layers.Layer):
    """The share of ones among the steps that the mask keeps."""

    supports_masking = True

    def call(self, inputs, mask=None):
        weight = keras.ops.cast(mask, inputs.dtype)[..., None]
        return keras.ops.sum(inputs * weight) / keras.ops.sum(
            weight * keras.ops.ones_like(inputs)
        )


@pytest.mark.parametrize("training", [False, True])
def test_masks_reach_the_layer_behind_a_sampler(training):
    x = np.zeros((2, 4, 3), "float32")
    x[:, :2] = 50.0  # As logits: ones. The rest is masked out, and would be 1/2.
    model = keras.Sequential(
        [
            keras.Input((4, 3)),
            keras.layers.Masking(0.0),
            kc.BinaryConcreteSample(0.5, seed=0),
            _Rate(),
        ]
    )
    assert float(model(x, training=training)) == 1.0


def test_a_policy_given_as_an_object_is_saved():
    """Keras records no argument but numbers and words without `get_config`."""
    for name, thing in PUBLIC.items():
        if inspect.isclass(thing) and issubclass(thing, keras.layers.Layer):
            assert thing.get_config is not keras.layers.Layer.get_config, name
    policy = keras.DTypePolicy("mixed_bfloat16")
    layer = kc.BernoulliLogLikelihood(dtype=policy)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.dtype_policy == policy


def test_noise_and_densities_are_float32_whatever_the_default_type():
    x = np.eye(6, dtype="float32")
    logits = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    networks, numbers = [("4H-6V", 2), ("4H-6V", 4)], []
    for default in ("float32", "float64", "float16"):
        keras.config.set_floatx(default)
        drawn = []
        for kind in (kc.BinaryConcreteSample, kc.ConcreteSample):
            for inference in ("sample", "mode"):
                layer = kind(
                    0.5, None, True, inference=inference, seed=0, dtype="float32"
                )
                drawn += [*layer(logits), *layer(logits, training=True)]
        for make in (kc.distributions.Concrete, kc.distributions.BinaryConcrete):
            state = make(0.5, logits).sample(seed=(1, 2))
            drawn += [state, make(0.5, logits).log_prob(state)]
        discrete = kc.distributions.Discrete(logits)
        drawn += [discrete.mode(), discrete.log_prob(discrete.mode())]
        for notation, arity in networks:
            model = kc.SigmoidBeliefNetwork(notation, arity, seed=0, dtype="float32")
            drawn += [model.sample(3, seed=1)["codes"], model.log_weights(x, 3, seed=1)]
        assert all(part.dtype == "float32" for part in drawn)
        # Chunks of samples are merged in float64, always.
        bounds = kc.evaluate_bound(model, x, 3, verbose=False).bounds
        assert bounds.dtype == "float64"
        drawn.append(bounds)
        numbers.append(drawn)
    for first, *others in zip(*numbers, strict=True):
        for other in others:
            np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize("jit", [False, True])
def test_the_kl_of_ones_own_model_is_reported_by_its_name(jit):
    x = keras.Input((3, 4))
    state, node = kc.ConcreteSample(1.0, return_node=True)(x)
    prior = kc.LearnedLogits(3, 4)(x)
    kl = kc.RelaxedKL(
        posterior_temperature=1.0,
        prior_temperature=1.0,
        num_states=4,
        objective="analytic",
        loss_weight=0.5,
        name="kl",
    )
    model = keras.Model(x, {"state": state, "kl": kl(node, x, prior)})
    model.compile("sgd", jit_compile=jit)
    logits = np.random.default_rng(0).normal(size=(12, 3, 4)).astype("float32")
    log_q = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    exact = np.mean(np.sum(np.exp(log_q) * (log_q + np.log(4)), axis=(1, 2)))
    values = model.evaluate(logits, batch_size=4, verbose=0, return_dict=True)
    assert values == pytest.approx({"kl": exact, "loss": exact / 2}, rel=1e-5)
    assert "kl" in model.fit(logits, verbose=0).history


@pytest.mark.parametrize(
    "schedule",
    [
        kc.ExponentialAnnealing(2.0, rate=1e-3, minimum=0.3, update_every=7),
        keras.optimizers.schedules.CosineDecay(1.0, 50, alpha=0.1),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_schedule_is_one_function_of_the_step_in_every_way_of_calling_it(schedule):
    for step in (0, 6, 7, 49, 10**6):
        values = [schedule(step), schedule(tf.constant(step, "int64"))]
        for jit in (False, True):
            function = tf.function(schedule, jit_compile=jit)
            values.append(function(tf.constant(step, "int64")))
        np.testing.assert_allclose(values, float(values[0]), rtol=1e-6)


def _drawn(model):
    """The labels of `plot_model`'s boxes, as text."""
    dot = keras.utils.model_to_dot(model, show_shapes=True, show_layer_names=True)
    return [re.sub(r"<[^>]*>", "", node.get_label() or "") for node in dot.get_nodes()]


@pytest.mark.parametrize(
    ("arity", "kind", "shape"),
    [(2, "BinaryConcreteSample", "1, 12"), (4, "ConcreteSample", "1, 6, 4")],
)
def test_summary_and_plot_show_the_latent_layers_of_a_network_and_their_arity(
    arity, kind, shape, capsys
):
    model = kc.SigmoidBeliefNetwork("12H~12H~5V", arity=arity)
    model.summary(line_length=160)
    lines, boxes = capsys.readouterr().out.splitlines(), _drawn(model)
    for layer in (1, 2):
        name = f"latent_{layer}_arity_{arity} ({kind})"
        assert [line for line in lines if name in line and f"(None, {shape})" in line]
        assert [box for box in boxes if name in box and f"(None, {shape})" in box]


def test_summary_and_plot_name_the_latent_layers_of_ones_own_model(capsys):
    x = keras.Input((7,), name="x")
    code = kc.BinaryConcreteSample(0.5, name="code")(keras.layers.Dense(6)(x))
    logits = keras.layers.Reshape((2, 4))(keras.layers.Dense(8)(code))
    state = kc.ConcreteSample(0.5, name="state")(logits)
    model = keras.Model(x, state)
    model.summary(line_length=90)
    shown, boxes = capsys.readouterr().out, " ".join(_drawn(model))
    for layer, kind, shape in (
        ("code", "BinaryConcreteSample", "(None, 6)"),
        ("state", "ConcreteSample", "(None, 2, 4)"),
    ):
        assert f"{layer} ({kind})" in shown and shape in shown
        assert f"{layer} ({kind})" in boxes and shape in boxes
