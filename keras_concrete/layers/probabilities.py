"""Probabilities that were passed as logits."""

import warnings

import keras
import numpy as np

from keras_concrete.graphs import current_graph
from keras_concrete.types import Tensor

__all__ = ["are_probabilities", "warn_of_probabilities"]


# Logits of both signs alike all lie in [0, 1] once in 2**16 times.
_DISTINCT_VALUES = 16

# What a TensorFlow graph may do between an activation and the layer.
_PASSED_THROUGH = ("Cast", "Identity", "Reshape")


def are_probabilities(values: np.ndarray, of_rows: bool) -> bool:
    """Whether what is given as logits can hardly be anything but probabilities.

    Args:
        values: Array of what is given.
        of_rows: Whether each row along the last axis is to sum to 1.

    Returns:
        False where they are too few to tell.
    """
    if values.size < _DISTINCT_VALUES or not 0 <= values.min() < values.max() <= 1:
        return False
    # Of rows in bfloat16 too.
    if of_rows and not np.allclose(values.sum(axis=-1), 1, atol=0.01):
        return False
    return len(np.unique(values)) >= _DISTINCT_VALUES


def warn_of_probabilities(layer: keras.Layer, logits: Tensor, binary: bool) -> bool:
    """Warns if what a user passed as logits went through a sigmoid or softmax before.

    Args:
        layer: The layer that they were passed to.
        logits: Tensor. With values it is judged by these; in a graph of TensorFlow, as in
            `fit`, by the operation that it comes from.
        binary: Whether they are log-odds, rather than a logit for each state.

    Returns:
        Whether it warned.
    """
    has_values = current_graph() is None and hasattr(logits, "numpy")
    found = has_values and are_probabilities(np.asarray(logits), of_rows=not binary)
    if not (found or _were_squashed(logits)):
        return False
    inverse = "log(p) - log(1 - p)" if binary else "log(p)"
    warnings.warn(
        f"The logits given to the layer {layer.name!r} look like probabilities. Leave "
        f"out the sigmoid or softmax before this layer, or pass {inverse} in place of "
        "probabilities p.",
        stacklevel=2,
    )
    return True


def _were_squashed(logits: Tensor) -> bool:
    operation = getattr(logits, "op", None)
    while operation is not None and operation.type in _PASSED_THROUGH:
        operation = operation.inputs[0].op
    return operation is not None and operation.type in ("Sigmoid", "Softmax")
