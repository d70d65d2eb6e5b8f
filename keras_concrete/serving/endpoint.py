"""A function that a server offers, with its named and typed inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from keras_concrete.types import Tensor

__all__ = ["SEED", "Endpoint", "Function", "at_least", "for_any_batch", "with_rows"]

Function = Callable[..., dict[str, Tensor]]

SEED = tf.TensorSpec((), tf.int32, name="seed")
_SEEDS = tf.TensorSpec((None,), tf.int32, name="seeds")


@dataclass(frozen=True)
class Endpoint:
    """A function that a server offers.

    Attributes:
        function: From tensors, in the order of `inputs`, to a dict of tensors.
        inputs: Names, shapes and dtypes of its inputs.
        of_rows: Whether each output has a row for each row of the inputs.
    """

    function: Function
    inputs: tuple[tf.TensorSpec, ...]
    of_rows: bool = True

    @property
    def batched_inputs(self) -> list[bool]:
        """Of each input, whether its first dimension is a free batch."""
        return [s.shape.rank != 0 and s.shape[0] is None for s in self.inputs]

    def example(self, batch_size: int) -> dict[str, tf.Tensor]:
        """Inputs of zeros, or as many samples as rows, by their names."""
        return {spec.name: _example(spec, batch_size) for spec in self.inputs}


def _example(spec: tf.TensorSpec, batch_size: int) -> tf.Tensor:
    if spec.shape.rank == 0 and spec.name != SEED.name:
        return tf.constant(max(batch_size, 1), spec.dtype)
    sizes = enumerate(spec.shape)
    shape = [batch_size if size is None and i == 0 else size or 1 for i, size in sizes]
    return tf.zeros(shape, spec.dtype)


def at_least(minimum: int, name: str, number: Tensor) -> Tensor:
    """Passes an input on, or has the server refuse the request.

    Args:
        minimum: The least number that is answered.
        name: Name of the input.
        number: Integer scalar tensor. XLA and ONNX, which leave assertions out, pass it
            on whatever it is.
    """
    check = tf.debugging.assert_greater_equal(
        number, minimum, message=f"Input `{name}` must be at least {minimum}."
    )
    # Eagerly the assertion has been made already, and is None.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(number)


def with_rows(name: str, endpoint: Endpoint) -> dict[str, Endpoint]:
    """Adds, where rows stand by themselves, the function with a seed for each of them.

    Args:
        name: Name of the endpoint; that of the other one ends in `_rows`.
        endpoint: A function of a batch whose last input is `seed`.
    """
    if not (endpoint.of_rows and all(endpoint.batched_inputs[:-1])):
        return {name: endpoint}

    def answer_row(arguments: tuple[Tensor, ...]) -> dict[str, Tensor]:
        *parts, seed = arguments
        outputs = endpoint.function(*[part[None] for part in parts], seed)
        return {key: value[0] for key, value in outputs.items()}

    def answer_rows(*arguments: Tensor) -> dict[str, Tensor]:
        return tf.vectorized_map(answer_row, arguments)

    by_rows = Endpoint(answer_rows, (*endpoint.inputs[:-1], _SEEDS))
    return {name: endpoint, f"{name}_rows": for_any_batch(by_rows)}


def for_any_batch(endpoint: Endpoint) -> Endpoint:
    """The same function, which is asked for one row where the batch is empty.

    Some operations cannot be made row by row of no rows, nor reshape none of them.
    """
    batched = endpoint.batched_inputs
    if not any(batched):
        return endpoint

    def answer(*arguments: Tensor) -> dict[str, Tensor]:
        first = batched.index(True)
        missing = tf.maximum(1 - tf.shape(arguments[first])[0], 0)
        parts = [
            _with_rows_appended(part, missing) if is_batched else part
            for part, is_batched in zip(arguments, batched, strict=True)
        ]
        outputs = endpoint.function(*parts)
        return {
            key: value[: tf.shape(value)[0] - missing]
            if value.shape[:1] == parts[first].shape[:1]
            else value
            for key, value in outputs.items()
        }

    return Endpoint(answer, endpoint.inputs)


def _with_rows_appended(part: Tensor, number: Tensor) -> Tensor:
    return tf.pad(part, [[0, number], *[[0, 0]] * (len(part.shape) - 1)])
