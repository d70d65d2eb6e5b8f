"""The endpoints of a model, called directly: their names, inputs and answers."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import IMAGES, hashing, mixed

import keras_concrete as kc
from keras_concrete import noise
from keras_concrete.serving.endpoints import endpoints


@functools.cache
def network():
    return kc.SigmoidBeliefNetwork("4H~3H-6V", seed=0)


@functools.cache
def conditional():
    return kc.SigmoidBeliefNetwork("2V-3H-4V", seed=0)


def of_fixed_batch():
    x = keras.Input(batch_shape=(8, 3), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="y")(x))


F, INT = "float32", "int32"
ROWS, DRAW = ((None,), INT), {"num_samples": ((), INT), "seed": ((), INT)}
IMAGES_DRAWN = {"num_images": ((), INT), "seed": ((), INT)}
SEED, SEEDS = {"seed": ((), INT)}, {"seeds": ROWS}
IMAGE, CONTEXT, LOWER = ((None, 6), F), ((None, 2), F), ((None, 4), F)
A, B = ((None, 4), F), ((None, 6), F)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            network,
            {
                "encode": {"x": IMAGE} | SEED,
                "encode_rows": {"x": IMAGE} | SEEDS,
                "decode": {"codes": ((None, 3), F)},
                "sample": IMAGES_DRAWN,
                "log_likelihood": {"x": IMAGE} | DRAW,
            },
        ),
        (
            conditional,
            {
                "encode": {"x": CONTEXT} | SEED,
                "encode_rows": {"x": CONTEXT} | SEEDS,
                "decode": {"codes": ((None, 3), F)},
                "sample": {"x": CONTEXT} | IMAGES_DRAWN,
                "log_likelihood": {"x": CONTEXT, "y": LOWER} | DRAW,
            },
        ),
        (
            mixed,
            {
                "predict": {"a": A, "b": B} | SEED,
                "predict_rows": {"a": A, "b": B} | SEEDS,
            },
        ),
        (hashing, {"predict": {"x": A} | SEED, "predict_rows": {"x": A} | SEEDS}),
        # Rows alone are no batch of eight.
        (of_fixed_batch, {"predict": {"x": ((8, 3), F)} | SEED}),
    ],
)
def test_each_model_has_its_endpoints_with_named_and_typed_inputs(make, expected):
    found = {
        name: {spec.name: (tuple(spec.shape), spec.dtype.name) for spec in e.inputs}
        for name, e in endpoints(make()).items()
    }
    assert found == {
        name: {key: (tuple(shape), dtype) for key, (shape, dtype) in inputs.items()}
        for name, inputs in expected.items()
    }
    assert next(iter(found)) in ("encode", "predict")  # What is served by default.


@pytest.mark.parametrize("make", [network, conditional, mixed, hashing])
def test_a_function_takes_its_inputs_in_their_order(make):
    for name, endpoint in endpoints(make()).items():
        arguments = [
            tf.ones([3 if size is None else size for size in spec.shape], spec.dtype)
            for spec in endpoint.inputs
        ]
        outputs = endpoint.function(*arguments)
        assert outputs and all(isinstance(key, str) for key in outputs)
        for value in outputs.values():
            rows = 1 if name == "sample" and make is network else 3
            assert value.shape[0] == rows and np.all(np.isfinite(value))


@pytest.mark.parametrize("make", [network, mixed])
def test_answers_are_of_the_seed_alone_and_the_model_stays_as_it_was(make):
    model = make()
    before = [np.asarray(v.value) for v in model.variables]
    endpoint = next(iter(endpoints(model).values()))
    data = np.random.default_rng(0)
    *specs, _ = endpoint.inputs
    arguments = [data.integers(0, 2, (20, s.shape[1])).astype("float32") for s in specs]

    def answer(seed):
        outputs = endpoint.function(*arguments, tf.constant(seed))
        return np.concatenate([np.ravel(value) for value in outputs.values()])

    np.testing.assert_array_equal(answer(3), answer(3))
    assert not np.array_equal(answer(3), answer(4))
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new.value)


@pytest.mark.parametrize("num_samples", [1, 7, 100, 250])
def test_the_bound_is_of_as_many_samples_as_were_asked_for(num_samples):
    """Weights are drawn by the hundred, each hundred from a key of its own."""
    model = network()
    bound = endpoints(model)["log_likelihood"].function
    ours = bound(IMAGES, tf.constant(num_samples), tf.constant(5))["bound"]
    chunk = min(num_samples, 100)
    keys = [
        noise.fold_in(noise.key_from_seed(tf.constant(5)), index)
        for index in range(-(-num_samples // chunk))
    ]
    weights = [model.log_weights(IMAGES, chunk, seed=key) for key in keys]
    weights = np.float64(np.concatenate(weights, axis=1))[:, :num_samples]
    expected = np.logaddexp.reduce(weights, axis=1) - np.log(num_samples)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["seed", "seeds"])
def test_an_input_of_an_endpoints_own_name_is_refused(name):
    x = keras.Input((1,), name=name)
    with pytest.raises(ValueError, match=f"`{name}` is an input of the endpoint"):
        endpoints(keras.Model(x, x))


def test_a_model_without_inputs_is_refused():
    model = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"on data first; .* Received: <Seq"):
        endpoints(model)
