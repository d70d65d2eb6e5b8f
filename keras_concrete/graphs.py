"""Which program is being built, where a layer must know."""

import contextlib
import contextvars
import weakref
from collections.abc import Iterator
from typing import Any

import keras

from keras_concrete.types import Tensor

__all__ = [
    "FirstCalls",
    "compiles_pieces",
    "current_graph",
    "current_trace",
    "in_loop_body",
    "in_program",
    "open_programs",
    "piecewise_compiled",
    "trace_of",
]


def current_graph() -> Any:
    """The graph that is being built; None outside any, and on other backends."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def trace_of(values: Tensor) -> Any:
    """JAX's trace that a tensor is of; None for what is no part of any."""
    return getattr(values, "_trace", None)


def current_trace() -> Any:
    """The trace that JAX is in; None outside any, and on other backends."""
    return trace_of(keras.ops.zeros(())) if keras.backend.backend() == "jax" else None


def in_program() -> bool:
    """Whether a program is being built: a graph of TensorFlow, a trace of JAX."""
    return current_graph() is not None or current_trace() is not None


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


class FirstCalls:
    """Tells which call is the first in a program: where it runs, the last run has ended.

    Replicas of a `tf.distribute` strategy are traced one after the other, each with a
    first call of its own.
    """

    def __init__(self) -> None:
        self._programs: dict[int, Any] = {}

    def is_first(self) -> bool:
        """Whether this call is the first one of a program that is being traced.

        Not so where that is in a loop, of which TensorFlow builds one pass.
        """
        programs = open_programs()
        if not programs or in_loop_body():
            return False
        seen = self._programs.setdefault(_replica(), weakref.WeakSet())
        if not seen.isdisjoint(programs):
            return False
        # Not those around it, of which it may be a look at shapes.
        seen.add(programs[0])
        return True


def _replica() -> int:
    """The number of the replica that is being traced, where it is known."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None:
        return 0
    return int(tf.get_static_value(context.replica_id_in_sync_group) or 0)


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
