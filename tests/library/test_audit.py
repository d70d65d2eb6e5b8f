"""An audit finds the faults that users make, and nothing in healthy models."""

import keras
import numpy as np
import pytest
from keras import ops
from strangers_units import (
    AtTheCall,
    Claims,
    GumbelSoftmax,
    Ids,
    OwnLogits,
    Subclassed,
    autoencoder,
)

import keras_concrete as kc

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def bits(**options):
    return kc.BinaryConcreteSample(0.5, name="bits", seed=0, **options)


def compiled(activation, loss):
    layers = [keras.layers.Dense(16), keras.layers.Dense(6, activation, name="last")]
    model = keras.Sequential([keras.Input((6,)), *layers], name="classifier")
    model.compile("sgd", loss)
    return model


def nested():
    inner = keras.Sequential([keras.Input((4, 3)), GumbelSoftmax("exchanged", name="g")])
    return autoencoder(inner)


def two_outputs():
    inputs = keras.Input((6,))
    outputs = [keras.layers.Dense(6, name=name)(inputs) for name in ("a", "b")]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"a": "mse", "b": "binary_crossentropy"})
    return model


CROSS_ENTROPY = keras.losses.BinaryCrossentropy
# The model, and the finding: its kind, its layer, and words of the sentence.
FAULTY = {
    "the layer of helia-edge": (
        lambda: autoencoder(GumbelSoftmax("exchanged", name="g")),
        ("soft straight-through", "g", r"return y_soft \+ stop_gradient\(y_hard - "),
    ),
    "the layer of teras": (
        lambda: autoencoder(GumbelSoftmax("hard_only", name="g")),
        ("no gradient", "g", "passes no gradient back.*smooth state"),
    ),
    "integers": (
        lambda: autoencoder(Ids(name="g")),
        ("no gradient", "g", "passes no gradient back.*smooth state"),
    ),
    "inside another model": (
        nested,
        ("soft straight-through", "g", "passes no gradient back"),
    ),
    "a wrong sign": (
        lambda: autoencoder(GumbelSoftmax("wrong_sign", name="g")),
        ("soft straight-through", "g", "is not one-hot"),
    ),
    "hard by name only": (
        lambda: autoencoder(Claims("soft", name="g")),
        ("soft straight-through", "g", "is not one-hot"),
    ),
    "a score-function estimator without its bound": (
        lambda: autoencoder(bits(estimator="reinforce"), (4,)),
        ("no gradient", "bits", "'reinforce'.*end the model in MultiSampleBound"),
    ),
    "probabilities to a sampler": (
        lambda: autoencoder(bits(), (4,), activation="sigmoid"),
        ("probabilities as logits", "bits", "leave out the sigmoid"),
    ),
    "probabilities to a subset": (
        lambda: autoencoder(
            kc.SubsetSample(2, 0.5, seed=0, name="subset"), (4,), activation="softmax"
        ),
        ("probabilities as logits", "subset", "leave out the sigmoid or softmax"),
    ),
    "probabilities to a loss": (
        lambda: compiled("sigmoid", CROSS_ENTROPY(from_logits=True)),
        ("probabilities as logits", "last", "from_logits=True"),
    ),
    "logits to a loss": (
        lambda: compiled(None, "binary_crossentropy"),
        ("probabilities as logits", "last", "pass from_logits=True"),
    ),
    "logits to a loss of a named output": (
        two_outputs,
        ("probabilities as logits", "b", "pass from_logits=True"),
    ),
    "logits to a function of Keras": (
        lambda: compiled(None, keras.losses.binary_crossentropy),
        ("probabilities as logits", "last", "pass from_logits=True"),
    ),
    "units that never change": (
        lambda: autoencoder(bits(), (4,), bias_initializer=_biases),
        ("constant units", "bits", "1 of 4 units with one state for all 64 examples"),
    ),
    "other states outside training": (
        lambda: autoencoder(GumbelSoftmax("soft", scale_outside=9.0, name="g")),
        ("training gap", "g", "noise of one draw is"),
    ),
    "too warm a temperature": (
        lambda: autoencoder(_warm(), (4,), bias_initializer=_certain),
        ("training gap", "bits", "lower its temperature"),
    ),
    "a sampler that is always in training": (
        lambda: autoencoder(lambda logits: bits()(logits, training=True), (4,)),
        ("training gap", "bits", "called with training=True"),
    ),
    "a temperature at the call": (
        lambda: autoencoder(lambda logits: AtTheCall(name="g")(logits, tau=0.5)),
        ("soft straight-through", "g", "not one-hot"),
    ),
    "hard at the call": (
        lambda: autoencoder(
            lambda logits: AtTheCall(name="g")(logits, tau=0.5, hard=True)
        ),
        ("no gradient", "g", "draws at random"),
    ),
    "tensors by name": (
        lambda: autoencoder(
            lambda logits: AtTheCall(name="g")({"a": logits, "b": logits}, tau=0.5)
        ),
        ("soft straight-through", "g", "not one-hot"),
    ),
    "a sign": (
        lambda: autoencoder(keras.layers.Lambda(ops.sign, name="g"), (4,)),
        ("no gradient", "g", "gives discrete states"),
    ),
    "an argmax": (
        lambda: autoencoder(
            keras.layers.Lambda(
                lambda logits: ops.one_hot(ops.argmax(logits, -1), 3), name="g"
            )
        ),
        ("no gradient", "g", "gives discrete states"),
    ),
    "a subclassed model": (
        lambda: Subclassed(GumbelSoftmax("hard_only", name="g")),
        ("no gradient", "encoder", "no gradient of the outputs reaches"),
    ),
}


def _biases(shape, dtype=None):
    return np.array([30.0, 0, 0, 0], "float32")


def _certain(shape, dtype=None):
    return np.array([3.0, -3, 3, -3], "float32")


def _warm():
    with pytest.warns(UserWarning):
        return kc.BinaryConcreteSample(20.0, name="bits", seed=0)


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_found_and_said_in_one_sentence(name):
    build, (kind, layer, words) = FAULTY[name]
    findings = kc.audit(build(), X)
    assert [(found.kind, found.layer) for found in findings] == [(kind, layer)], findings
    with pytest.raises(ValueError, match=words):
        raise ValueError(str(findings[0]))


def gaussian_vae():
    @keras.saving.register_keras_serializable("tests")
    class Sampling(keras.layers.Layer):
        generator = keras.random.SeedGenerator(1)

        def call(self, inputs):
            mean, log_variance = inputs
            noise = keras.random.normal(ops.shape(mean), seed=self.generator)
            return mean + ops.exp(log_variance / 2) * noise

    inputs = keras.Input((6,))
    moments = [keras.layers.Dense(3)(inputs) for _ in range(2)]
    return keras.Model(inputs, keras.layers.Dense(6)(Sampling()(moments)))


def classifier():
    layers = [keras.layers.GaussianNoise(0.3), keras.layers.Dense(32, "relu")]
    layers += [keras.layers.BatchNormalization(), keras.layers.Dropout(0.7)]
    model = keras.Sequential([*layers, keras.layers.Dense(5, "softmax")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy())
    return model


def attention():
    inputs = keras.Input((6,))
    tokens = keras.layers.Reshape((3, 2))(inputs)
    mixed = keras.layers.MultiHeadAttention(2, 4, dropout=0.5)(tokens, tokens)
    mixed = keras.layers.LayerNormalization()(mixed + tokens)
    outputs = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(mixed))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", CROSS_ENTROPY(from_logits=True))
    return model


def own_logits():
    inputs = keras.Input((6,))
    ids = ops.cast(ops.argmax(inputs[:, :5], axis=-1), "int32")
    states = keras.layers.Flatten()(OwnLogits("straight_through", name="g")(ids))
    return keras.Model(inputs, keras.layers.Dense(6)(states))


def thresholds():
    inputs = keras.Input((6,))
    is_high = keras.layers.Lambda(lambda x: ops.cast(x > 0, "float32"))(inputs)
    return keras.Model(inputs, keras.layers.Dense(6)(is_high))


def cross_entropy_of_logits(y_true, y_pred):
    return keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)


class OwnCrossentropy(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return cross_entropy_of_logits(y_true, y_pred)


HEALTHY = {
    "batch normalisation and dropout": classifier,
    "attention": attention,
    "a Gaussian autoencoder": gaussian_vae,
    "a right straight-through": lambda: autoencoder(GumbelSoftmax("straight_through")),
    "a straight-through that owns its logits": own_logits,
    "a loss of one's own": lambda: compiled(None, cross_entropy_of_logits),
    "a loss of one's own by class": lambda: compiled(None, OwnCrossentropy()),
    "a soft Gumbel-softmax": lambda: autoencoder(GumbelSoftmax("soft")),
    "hard outside training too": lambda: autoencoder(
        GumbelSoftmax("straight_through", noise_outside=True)
    ),
    "our sampler": lambda: autoencoder(bits(prior="uniform"), (4,)),
    "the mode outside training": lambda: autoencoder(
        kc.ConcreteSample(0.7, inference="mode", seed=0)
    ),
    "a threshold of data": thresholds,
    "a sign with a gradient": lambda: autoencoder(
        keras.layers.Lambda(lambda x: x + ops.stop_gradient(ops.sign(x) - x)), (4,)
    ),
    "a subclassed model": lambda: Subclassed(GumbelSoftmax("straight_through")),
    "a subclassed model without noise": lambda: Subclassed(keras.layers.Dropout(0.5)),
}


@pytest.mark.parametrize("build", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_model_has_no_findings_and_stays_as_it_is(build):
    model = build()
    model(X[:2])
    before = [np.array(variable) for variable in model.variables]
    assert kc.audit(model, X) == []
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable)


@pytest.mark.parametrize("estimator", ["concrete", "rebar"])
def test_a_belief_network_is_healthy(estimator):
    model = kc.SigmoidBeliefNetwork(
        "4H-3H-6V", num_samples=2, estimator=estimator, seed=0
    )
    assert kc.audit(model, (X > 0).astype("float32")) == []


def test_layers_called_by_names_alone_are_followed():
    inputs = keras.Input((6,))
    likelihood = kc.BernoulliLogLikelihood()
    pixels = ops.sigmoid(inputs)
    scores = likelihood(x=pixels, logits=keras.layers.Dense(6)(inputs))
    assert kc.audit(keras.Model(inputs, scores), X) == []
    found = kc.audit(keras.Model(inputs, likelihood(x=pixels, logits=pixels)), X)
    assert [finding.kind for finding in found] == ["probabilities as logits"]
    inner = autoencoder(bits(prior="uniform"), (4,))
    assert kc.audit(keras.Model(inputs, inner(inputs=inputs)), X) == []


def test_examples_of_other_numbers_are_refused():
    one, other = keras.Input((2,)), keras.Input((3,))
    model = keras.Model([one, other], keras.layers.Concatenate()([one, other]))
    with pytest.raises(ValueError, match=r"`data` must be an array of examples.*number"):
        kc.audit(model, [np.zeros((4, 2)), np.zeros((3, 3))])
