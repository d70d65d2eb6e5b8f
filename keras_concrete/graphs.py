"""Which program TensorFlow is building, where a layer must know."""

from typing import Any

import keras

__all__ = ["current_graph", "in_loop_body"]


def current_graph() -> Any:
    """The graph that is being built; None outside any, and on other backends."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def in_loop_body() -> bool:
    """Whether that graph is the body of a loop, which is built once for all passes."""
    return type(current_graph()).__name__.startswith("While")
