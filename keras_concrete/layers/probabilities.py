"""Probabilities that were passed as logits."""

import warnings

import keras
import numpy as np

from keras_concrete.types import Tensor

__all__ = ["warn_of_probabilities"]


def warn_of_probabilities(layer: keras.Layer, logits: Tensor, num_states: int) -> bool:
    """Warns if what a user passed as logits went through a sigmoid or softmax before.

    Logits of both signs alike lie in [0, 1], all of 8, once in many hundred times.

    Args:
        layer: The layer that they were passed to.
        logits: Tensor; one without a value, in a graph, is never found out.
        num_states: 2 for log-odds, n for n logits on the last axis.

    Returns:
        Whether it warned.
    """
    values = np.asarray(logits) if hasattr(logits, "numpy") else np.zeros(0)
    if values.size < 8 or not 0 <= values.min() < values.max() <= 1:
        return False
    if num_states > 2 and not np.allclose(values.sum(axis=-1), 1, atol=0.01):
        return False
    inverse = "log(p) - log(1 - p)" if num_states == 2 else "log(p)"
    warnings.warn(
        f"The logits given to the layer {layer.name!r} look like probabilities: all are "
        "in [0, 1]. Leave out the sigmoid or softmax before this layer, or pass "
        f"{inverse} in place of probabilities p.",
        stacklevel=2,
    )
    return True
