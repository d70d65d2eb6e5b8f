"""What layers share: the temperature as a weight, and tensors that belong to a node."""

import warnings

import keras
import numpy as np
from keras import ops

from keras_concrete.types import Tensor

__all__ = ["match_node", "temperature_weight", "warn_of_probabilities"]


def temperature_weight(layer: keras.Layer, temperature: float) -> keras.Variable:
    """Adds a scalar weight that holds the temperature.

    A weight, so that it can change between steps without a new trace, and is saved.
    """
    return layer.add_weight(
        name="temperature",
        shape=(),
        dtype="float32",
        initializer=keras.initializers.Constant(temperature),
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
    )


def match_node(name: str, tensor: Tensor, node: Tensor) -> Tensor:
    """Casts to float32, and inserts the sample axis that the node has and `tensor` lacks.

    Args:
        name: What to call the tensor in an error.
        tensor: Logits of shape `(batch, ...)` or `(batch, num_samples, ...)`.
        node: Tensor of shape `(batch, ...)` or `(batch, num_samples, ...)`.

    Returns:
        Tensor of the rank of `node`.

    Raises:
        ValueError: If the shapes would broadcast in any other way.
    """
    given, wanted = tuple(tensor.shape), tuple(node.shape)
    lacks_samples = len(given) == len(wanted) - 1
    if lacks_samples:
        wanted = (wanted[0], *wanted[2:])
    if len(given) != len(wanted) or any(
        None not in sizes and sizes[0] != sizes[1]
        for sizes in zip(given, wanted, strict=True)
    ):
        raise ValueError(
            f"`{name}` must have the shape of the node, or that shape without the "
            "sample axis (axis 1): any other broadcasting would mix up examples, "
            f"samples and units. Received: {name}.shape={given}, "
            f"node.shape={tuple(node.shape)}"
        )
    tensor = ops.cast(tensor, "float32")
    return ops.expand_dims(tensor, 1) if lacks_samples else tensor


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
