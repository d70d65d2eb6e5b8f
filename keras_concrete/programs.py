"""Functions as programs of the backend, and the variables that they read."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras

__all__ = ["compiled", "current_values"]


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
