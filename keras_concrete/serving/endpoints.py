"""What a served model answers: functions of a model with named, typed inputs."""

from typing import Any

import keras
import tensorflow as tf

from keras_concrete.latent_variable_model import LatentVariableModel
from keras_concrete.serving.endpoint import (
    SEED,
    Endpoint,
    at_least,
    for_any_batch,
    with_rows,
)
from keras_concrete.serving.predict_endpoint import predict_endpoint
from keras_concrete.serving.streamed_bound import streamed_bound
from keras_concrete.sublayers import check_has_inputs
from keras_concrete.types import Tensor

__all__ = ["NAMES", "endpoints"]

NAMES = (
    *("encode", "encode_rows", "decode", "sample", "log_likelihood"),
    *("predict", "predict_rows"),
)

_NUM_IMAGES = tf.TensorSpec((), tf.int32, name="num_images")
_NUM_SAMPLES = tf.TensorSpec((), tf.int32, name="num_samples")


def endpoints(model: keras.Model) -> dict[str, Endpoint]:
    """The endpoints of a model by their names; the first is the one to serve by default.

    Args:
        model: A latent variable model, or a built functional or Sequential model.

    Raises:
        ValueError: If `model` has no inputs yet, inputs with names that cannot be
            served, or dicts inside its dict of outputs.

    Example:
    >>> import keras_concrete as kc
    >>> list(endpoints(kc.SigmoidBeliefNetwork("3H~4V", seed=0)))
    ['encode', 'encode_rows', 'decode', 'sample', 'log_likelihood']
    """
    found = _endpoints(model)
    return {
        name: for_any_batch(endpoint) if endpoint.of_rows else endpoint
        for name, endpoint in found.items()
    }


def _endpoints(model: keras.Model) -> dict[str, Endpoint]:
    if isinstance(model, LatentVariableModel):
        return _of_latent_variables(model)
    check_has_inputs(model, "a LatentVariableModel, such as a SigmoidBeliefNetwork, or ")
    return with_rows("predict", predict_endpoint(model))


def _of_latent_variables(model: LatentVariableModel) -> dict[str, Endpoint]:
    data = _rows("y" if model.is_conditional else "x", model.visible_units)
    read = _rows("x", _context_units(model)) if model.is_conditional else data
    found = with_rows("encode", Endpoint(model.encode, (read, SEED)))
    found["decode"] = Endpoint(model.decode, (_rows("codes", model.code_units),))
    if model.is_conditional:
        return found | _given_context(model, read, data)
    return found | _of_data(model, data)


# Whoever loads a SavedModel calls these by the names of their arguments.


def _of_data(model: LatentVariableModel, data: tf.TensorSpec) -> dict[str, Endpoint]:
    def sample(num_images: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return model.sample(at_least(0, "num_images", num_images), seed)

    def log_likelihood(x: Tensor, num_samples: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return {"bound": streamed_bound(model, x, num_samples, seed)}

    return {
        "sample": Endpoint(sample, (_NUM_IMAGES, SEED)),
        "log_likelihood": Endpoint(log_likelihood, (data, _NUM_SAMPLES, SEED)),
    }


def _given_context(
    model: LatentVariableModel, context: tf.TensorSpec, data: tf.TensorSpec
) -> dict[str, Endpoint]:
    def sample(x: Tensor, num_images: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return model.sample(at_least(0, "num_images", num_images), seed, x)

    def log_likelihood(
        x: Tensor, y: Tensor, num_samples: Tensor, seed: Tensor
    ) -> dict[str, Tensor]:
        return {"bound": streamed_bound(model, (x, y), num_samples, seed)}

    return {
        "sample": Endpoint(sample, (context, _NUM_IMAGES, SEED)),
        "log_likelihood": Endpoint(log_likelihood, (context, data, _NUM_SAMPLES, SEED)),
    }


def _rows(name: str, units: int | None) -> tf.TensorSpec:
    return tf.TensorSpec((None, units), tf.float32, name=name)


def _context_units(model: Any) -> int | None:
    inputs = getattr(model, "inputs", None)
    return inputs[0].shape[-1] if inputs else None
