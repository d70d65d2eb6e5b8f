"""Functions as programs of the backend, and the variables that they read."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_concrete.types import Tensor

__all__ = ["at_once", "compiled", "current_values", "gradients", "mapped", "output_shape"]


def at_once() -> AbstractContextManager:
    """Has what is computed inside known at once, also while a program is traced."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    import tensorflow as tf

    return tf.init_scope()


def compiled(
    function: Callable[..., Any],
    get_model: Callable[[], Any] = lambda: None,
    static: Sequence[str] = (),
    **options: Any,
) -> Callable[..., Any]:
    """A function as one program: `tf.function`, or `jax.jit`.

    Args:
        function: From tensors to tensors.
        get_model: Returns the model whose variables the function reads, or None. JAX
            would make constants of their values.
        static: Names of arguments that are no tensors.
        options: Arguments of `tf.function`, which JAX does without.

    Returns:
        Function of the same positional arguments.
    """
    if keras.backend.backend() != "jax":
        import tensorflow as tf

        return tf.function(function, **options)
    import jax

    def pure(values: list[Any], *args: Any) -> Any:
        mapping = list(zip(_variables(get_model()), values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return function(*args)

    names = ["values", *inspect.signature(function).parameters]
    program = jax.jit(pure, static_argnums=[names.index(name) for name in static])
    return lambda *args: program([v.value for v in _variables(get_model())], *args)


def _variables(model: Any) -> list[keras.Variable]:
    return list(getattr(model, "variables", ()))


def current_values(model: Any) -> list[tuple[keras.Variable, Any]]:
    """Variables of a model with what they are now, for a `StatelessScope` in another.

    On JAX the inner one would hide the values of the outer one. On TensorFlow variables
    are read where they are.
    """
    if keras.backend.backend() != "jax":
        return []
    return [(v, v.value) for v in _variables(model)]


def gradients(
    function: Callable[..., Tensor],
    weights: Sequence[keras.Variable],
    model: Any,
    inputs: Sequence[Tensor] = (),
) -> list[Tensor]:
    """The gradient of a scalar by weights and inputs; 0 where it depends on none.

    Args:
        function: From the inputs to the scalar.
        weights: Weights of the model.
        model: The model, or layer, whose variables the function reads.
        inputs: Tensors of floating-point numbers.

    Returns:
        A tensor of the shape of each weight, and of each input.
    """
    values = [weight.value for weight in weights]
    if keras.backend.backend() != "jax":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch([*values, *inputs])
            result = function(*inputs)
        zero = tf.UnconnectedGradients.ZERO
        slopes = tape.gradient(result, [*values, *inputs], unconnected_gradients=zero)
        # That of an Embedding has the rows that were read, and where they belong.
        return [tf.convert_to_tensor(slope) for slope in slopes]
    import jax

    def of_values(values: list[Tensor], inputs: list[Tensor]) -> Tensor:
        mapping = [*current_values(model), *zip(weights, values, strict=True)]
        with keras.StatelessScope(state_mapping=mapping):
            return function(*inputs)

    by_weights, by_inputs = jax.grad(of_values, (0, 1))(values, list(inputs))
    return [*by_weights, *by_inputs]


def mapped(function: Callable[[Any], Tensor], elements: Any, dtype: str) -> Tensor:
    """Calls a function on one element after another, in a loop of the program.

    Args:
        function: From an element to a tensor.
        elements: Tensor, or structure of tensors, with the elements along axis 0.
        dtype: Of the tensors that the function returns.

    Returns:
        The stacked tensors.
    """
    if keras.backend.backend() == "jax":
        return keras.ops.map(function, elements)
    import tensorflow as tf

    return tf.map_fn(
        function,
        elements,
        fn_output_signature=tf.as_dtype(dtype),
        parallel_iterations=1,
    )


def output_shape(function: Callable[[Any], Tensor], argument: Any) -> tuple[int, ...]:
    """The shape of what a function returns, of which nothing is computed.

    Args:
        function: From a tensor, or a structure of tensors, to a tensor.
        argument: What it would be called with.

    Returns:
        The shape, with None for sizes that TensorFlow does not know.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.eval_shape(function, argument).shape
    import tensorflow as tf

    program = tf.function(function, autograph=False).get_concrete_function(argument)
    return tuple(program.structured_outputs.shape)
