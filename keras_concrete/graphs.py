"""Which program TensorFlow is building, where a layer must know."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras

__all__ = [
    "compiles_pieces",
    "current_graph",
    "in_loop_body",
    "open_programs",
    "piecewise_compiled",
]


def current_graph() -> Any:
    """The graph that is being built; None outside any, and on other backends."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def in_loop_body() -> bool:
    """Whether that graph is the body of a loop, which is built once for all passes."""
    return type(current_graph()).__name__.startswith("While")


def open_programs() -> list[Any]:
    """The graphs of the functions that are being traced, the innermost one first."""
    graph, found = current_graph(), []
    while hasattr(graph, "outer_graph"):
        if not type(graph).__name__.startswith(("While", "Cond")):
            found.append(graph)
        graph = graph.outer_graph
    return found


_PIECEWISE: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "_PIECEWISE", default=False
)


@contextlib.contextmanager
def piecewise_compiled(is_wanted: bool) -> Iterator[None]:
    """Lets XLA compile single pieces of a graph that it does not compile as a whole.

    For training: a graph that is saved is to run where there is no XLA.

    Args:
        is_wanted: False to leave everything as it is.
    """
    token = _PIECEWISE.set(is_wanted)
    try:
        yield
    finally:
        _PIECEWISE.reset(token)


def compiles_pieces() -> bool:
    """Whether a graph is being built, with such pieces."""
    return _PIECEWISE.get() and current_graph() is not None
