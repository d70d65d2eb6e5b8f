"""Moving averages that layers keep as they train."""

import keras
from keras import ops

from keras_concrete.types import Shape, Tensor

__all__ = ["move_average", "moving_average"]


def moving_average(layer: keras.Layer, name: str, shape: Shape = ()) -> keras.Variable:
    """A weight of a layer that does not train, 0 at first.

    Args:
        layer: The layer.
        name: Name of the weight.
        shape: Its shape.

    Returns:
        The weight, float32 under every dtype policy, the mean of those of replicas.
    """
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer="zeros",
        dtype="float32",
        trainable=False,
        autocast=False,
        aggregation="mean",
    )


def move_average(
    layer: keras.Layer,
    average: keras.Variable,
    decay: float,
    mean: Tensor,
    is_empty: Tensor,
) -> None:
    """Moves an average by `1 - decay` of the way to a mean; that of a frozen layer stays.

    Args:
        layer: The layer that keeps it.
        average: Made by `moving_average`.
        decay: Number in [0, 1).
        mean: Tensor of the shape of the average.
        is_empty: Whether the mean is one of nothing: a replica may get no examples, and
            NaN of one would be that of all.
    """
    if layer.trainable:
        moved = decay * average + (1.0 - decay) * ops.stop_gradient(mean)
        average.assign(ops.where(is_empty, average.value, moved))
