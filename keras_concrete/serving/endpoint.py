"""A function that a server offers, with its named and typed inputs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import tensorflow as tf

from keras_concrete.serving.nodes import nodes_of
from keras_concrete.types import Tensor
from keras_concrete.unknown_sizes import once_held

__all__ = [
    "A_BATCH",
    "SEED",
    "Endpoint",
    "Function",
    "at_least",
    "for_any_batch",
    "with_rows",
]

Function = Callable[..., dict[str, Tensor]]

# Rows of a batch, a number that is hardly the size of another axis.
A_BATCH = 8_191

SEED = tf.TensorSpec((), tf.int32, name="seed")
# Operations that draw by a seed, of which the noise of this package has none.
_DRAWS = (
    *("StatelessRandom", "StatelessTruncated", "StatelessParameterized"),
    *("StatelessMultinomial", "StatelessShuffle", "StatelessSample"),
)
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
    return once_held(check, number)


def with_rows(name: str, endpoint: Endpoint) -> dict[str, Endpoint]:
    """Adds, where rows stand by themselves, the function with a seed for each of them.

    Args:
        name: Name of the endpoint; that of the other one ends in `_rows`.
        endpoint: A function of a batch whose last input is `seed`.
    """
    if not (endpoint.of_rows and all(endpoint.batched_inputs[:-1])):
        return {name: endpoint}
    inputs = (*endpoint.inputs[:-1], _SEEDS)
    by_rows = Endpoint(_at_once(endpoint), inputs)
    if not _is_possible(by_rows):
        by_rows = Endpoint(_one_by_one(endpoint), inputs)
    return {name: endpoint, f"{name}_rows": by_rows}


def _at_once(endpoint: Endpoint) -> Function:
    """Answers the rows in one pass, in which each row has a key."""

    def answer_rows(*arguments: Tensor) -> dict[str, Tensor]:
        *parts, seeds = _with_a_seed_for_each(arguments)
        return endpoint.function(*parts, tf.stack([seeds, tf.zeros_like(seeds)], -1))

    return answer_rows


def _is_possible(by_rows: Endpoint) -> bool:
    """Whether all draws have keys of rows.

    Those of TensorFlow have none, by a constant seed neither; nor have those by a
    generator of a layer that is not of this package.
    """
    inputs = [tf.TensorSpec((A_BATCH, *s.shape[1:]), s.dtype) for s in by_rows.inputs]
    function = tf.function(by_rows.function, autograph=False)
    try:
        traced = function.get_concrete_function(*inputs)
    except (TypeError, ValueError, tf.errors.OpError):
        return False  # Or some draw has its rows elsewhere than on the first axis.
    return not any(node.op.startswith(_DRAWS) for node in nodes_of(traced))


def _one_by_one(endpoint: Endpoint) -> Function:
    """Answers the rows one after the other."""

    def answer_row(*arguments: Tensor) -> dict[str, Tensor]:
        *parts, seed = arguments
        outputs = endpoint.function(*[part[None] for part in parts], seed)
        return {key: value[0] for key, value in outputs.items()}

    row = tf.function(answer_row, autograph=False)

    def answer_rows(*arguments: Tensor) -> dict[str, Tensor]:
        inputs = [tf.TensorSpec(part.shape[1:], part.dtype) for part in arguments]
        specs = tf.nest.map_structure(
            tf.TensorSpec.from_tensor,
            row.get_concrete_function(*inputs).structured_outputs,
        )
        return tf.map_fn(
            lambda parts: row(*parts),
            _with_a_seed_for_each(arguments),
            fn_output_signature=specs,
        )

    return answer_rows


def _with_a_seed_for_each(arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The arguments, or the server refuses the request: rows may not share a seed."""
    num_rows, num_seeds = tf.shape(arguments[0])[0], tf.size(arguments[-1])
    check = tf.debugging.assert_equal(
        num_seeds, num_rows, message="Input `seeds` must have a seed for each row."
    )
    *parts, seeds = (once_held(check, part) for part in arguments)
    # XLA and ONNX, which leave assertions out, refuse this.
    return (*parts, tf.reshape(seeds, [num_rows]))


def for_any_batch(endpoint: Endpoint) -> Endpoint:
    """The same function, which is asked for one row where the batch is empty.

    Some operations cannot be made of no rows, nor reshape none of them. What is no row of
    an output, such as a sum over the batch, is that of a row of zeros then.
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
            key: value[: tf.shape(value)[0] * (1 - missing)]
            if value.shape[:1] == parts[first].shape[:1]
            else value
            for key, value in outputs.items()
        }

    return replace(endpoint, function=answer)


def _with_rows_appended(part: Tensor, number: Tensor) -> Tensor:
    return tf.pad(part, [[0, number], *[[0, 0]] * (len(part.shape) - 1)])
