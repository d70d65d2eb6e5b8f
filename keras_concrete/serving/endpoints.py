"""What a served model answers: functions of a model with named, typed inputs."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_concrete import noise
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.seeding import fixed_noise
from keras_concrete.types import Tensor

__all__ = ["Endpoint", "endpoints"]

# Samples of an image scored at a time by `log_likelihood`.
_CHUNK = 100

_SEED = tf.TensorSpec((), tf.int32, name="seed")
_SEEDS = tf.TensorSpec((None,), tf.int32, name="seeds")
_NUM_SAMPLES = tf.TensorSpec((), tf.int32, name="num_samples")

Function = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class Endpoint:
    """A function that a server offers.

    Attributes:
        function: From tensors, in the order of `inputs`, to a dict of tensors.
        inputs: Names, shapes and dtypes of its inputs.
    """

    function: Function
    inputs: tuple[tf.TensorSpec, ...]


def endpoints(model: keras.Model) -> dict[str, Endpoint]:
    """The endpoints of a model by their names; the first is the one to serve by default.

    Args:
        model: A belief network, or a built functional or Sequential model.

    Raises:
        ValueError: If `model` has no inputs yet, or an input named `seed` or `seeds`.

    Example:
    >>> list(endpoints(SigmoidBeliefNetwork("3H~4V", seed=0)))
    ['encode', 'encode_rows', 'decode', 'sample', 'log_likelihood']
    """
    if not getattr(model, "inputs", None):
        raise ValueError(
            "Argument `model` must be a SigmoidBeliefNetwork, or a functional or "
            "Sequential model whose inputs are known: call it on data first. "
            f"Received: a {type(model).__name__} without inputs"
        )
    if not isinstance(model, SigmoidBeliefNetwork):
        return _with_rows({"predict": _predict(model)})
    found = _with_rows({"encode": Endpoint(model.encode, (_rows("x", model), _SEED))})
    codes = tf.TensorSpec((None, model.code_units), tf.float32, name="codes")
    found["decode"] = Endpoint(model.decode, (codes,))
    return found | (_conditional if model.is_conditional else _unconditional)(model)


def _with_rows(found: dict[str, Endpoint]) -> dict[str, Endpoint]:
    """Adds, where the batch is free, the same function with a seed for each row."""
    ((name, endpoint),) = found.items()
    *inputs, _ = endpoint.inputs

    def answer_row(arguments: tuple[Tensor, ...]) -> dict[str, Tensor]:
        *parts, seed = arguments
        outputs = endpoint.function(*[part[None] for part in parts], seed)
        return {key: value[0] for key, value in outputs.items()}

    def answer_rows(*arguments: Tensor) -> dict[str, Tensor]:
        return tf.vectorized_map(answer_row, arguments)

    if any(spec.shape.rank == 0 or spec.shape[0] is not None for spec in inputs):
        return found
    return found | {f"{name}_rows": Endpoint(answer_rows, (*inputs, _SEEDS))}


def _predict(model: keras.Model) -> Endpoint:
    is_sequential = isinstance(model, keras.Sequential)
    structure = model.inputs[0] if is_sequential else model.input
    names = [tensor.name for tensor in model.inputs]
    if is_sequential:
        output_names = _unique([model.layers[-1].name] * len(model.outputs))
    else:
        output_names = _unique(model.output_names)
    for name in {"seed", "seeds"}.intersection(names):
        raise ValueError(f"`{name}` is an input of the endpoint: rename the model's own.")

    def predict(*arguments: Tensor) -> dict[str, Tensor]:
        *inputs, seed = arguments
        with fixed_noise(model, seed):
            outputs = model(keras.tree.pack_sequence_as(structure, inputs))
        if isinstance(outputs, dict):
            return outputs
        return dict(zip(output_names, keras.tree.flatten(outputs), strict=True))

    inputs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in zip(names, model.inputs, strict=True)
    ]
    return Endpoint(predict, (*inputs, _SEED))


def _unique(names: list[str]) -> list[str]:
    """Appends numbers to names that repeat, as those of a layer with two outputs do."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{i}" for i in itertools.count(1))
        free = (n for n in itertools.chain([name], numbered) if n not in found)
        found.append(next(free))
    return found


def _unconditional(model: SigmoidBeliefNetwork) -> dict[str, Endpoint]:
    def log_likelihood(x: Tensor, num_samples: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return {"bound": _streamed_bound(model, x, num_samples, seed)}

    draw = (_NUM_SAMPLES, _SEED)
    return {
        "sample": Endpoint(model.sample, draw),
        "log_likelihood": Endpoint(log_likelihood, (_rows("x", model), *draw)),
    }


def _conditional(model: SigmoidBeliefNetwork) -> dict[str, Endpoint]:
    def sample(x: Tensor, num_samples: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return model.sample(num_samples, seed, context=x)

    def log_likelihood(
        x: Tensor, y: Tensor, num_samples: Tensor, seed: Tensor
    ) -> dict[str, Tensor]:
        return {"bound": _streamed_bound(model, (x, y), num_samples, seed)}

    x, draw = _rows("x", model), (_NUM_SAMPLES, _SEED)
    y = tf.TensorSpec((None, model.visible_units), tf.float32, name="y")
    return {
        "sample": Endpoint(sample, (x, *draw)),
        "log_likelihood": Endpoint(log_likelihood, (x, y, *draw)),
    }


def _rows(name: str, model: SigmoidBeliefNetwork) -> tf.TensorSpec:
    return tf.TensorSpec((None, model.input_shape[-1]), tf.float32, name=name)


def _streamed_bound(
    model: SigmoidBeliefNetwork, x: Any, num_samples: Tensor, seed: Tensor
) -> Tensor:
    """The bound by a number of samples known at run time, in constant memory."""
    key = noise.key_from_seed(seed)
    chunk = tf.minimum(num_samples, _CHUNK)
    num_chunks = (num_samples + chunk - 1) // chunk

    def add_chunk(index: Tensor, log_sum: Tensor) -> tuple[Tensor, Tensor]:
        log_weights = model.log_weights(x, chunk, seed=noise.fold_in(key, index))
        surplus = index * chunk + tf.range(chunk) >= num_samples
        log_weights = tf.where(surplus, -float("inf"), log_weights)
        return index + 1, ops.logaddexp(log_sum, ops.logsumexp(log_weights, axis=1))

    rows = keras.tree.flatten(x)[0]
    start = tf.fill(tf.shape(rows)[:1], -float("inf"))
    _, log_sum = tf.while_loop(
        lambda index, _: index < num_chunks, add_chunk, (tf.constant(0), start)
    )
    return log_sum - tf.math.log(tf.cast(num_samples, tf.float32))
