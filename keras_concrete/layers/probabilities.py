"""Probabilities that were passed as logits."""

import warnings

import keras
import numpy as np

from keras_concrete.graphs import current_graph
from keras_concrete.types import Tensor

__all__ = ["warn_of_probabilities"]


# Logits of both signs alike all lie in [0, 1] once in 2**16 times.
_DISTINCT_VALUES = 16

# What a TensorFlow graph may do between an activation and the layer.
_PASSED_THROUGH = ("Cast", "Identity", "Reshape")


def warn_of_probabilities(layer: keras.Layer, logits: Tensor, num_states: int) -> bool:
    """Warns if what a user passed as logits went through a sigmoid or softmax before.

    Args:
        layer: The layer that they were passed to.
        logits: Tensor. With values it is judged by these; in a graph of TensorFlow, as in
            `fit`, by the operation that it comes from.
        num_states: 2 for log-odds, n for n logits on the last axis.

    Returns:
        Whether it warned.
    """
    if not (_look_like_probabilities(logits, num_states) or _were_squashed(logits)):
        return False
    inverse = "log(p) - log(1 - p)" if num_states == 2 else "log(p)"
    warnings.warn(
        f"The logits given to the layer {layer.name!r} look like probabilities. Leave "
        f"out the sigmoid or softmax before this layer, or pass {inverse} in place of "
        "probabilities p.",
        stacklevel=2,
    )
    return True


def _look_like_probabilities(logits: Tensor, num_states: int) -> bool:
    if current_graph() is not None or not hasattr(logits, "numpy"):
        return False
    values = np.asarray(logits)
    if len(np.unique(values)) < _DISTINCT_VALUES:
        return False
    if not 0 <= values.min() < values.max() <= 1:
        return False
    return num_states == 2 or np.allclose(values.sum(axis=-1), 1, atol=0.01)


def _were_squashed(logits: Tensor) -> bool:
    operation = getattr(logits, "op", None)
    while operation is not None and operation.type in _PASSED_THROUGH:
        operation = operation.inputs[0].op
    return operation is not None and operation.type in ("Sigmoid", "Softmax")
