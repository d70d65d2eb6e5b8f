"""What layers do with the channels of the last axis."""

import enum

import keras

from keras_concrete.layers import HardConcrete
from keras_concrete.layers.gate_axes import positive_axes
from keras_concrete.shrinking.calls import Call
from keras_concrete.sublayers import all_layers

__all__ = ["Kind", "can_be_cut", "kind_of"]

_LAYERS = keras.layers

_LINEAR = (_LAYERS.Dense, _LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D)
_POINTWISE = (
    _LAYERS.BatchNormalization,
    _LAYERS.ReLU,
    _LAYERS.LeakyReLU,
    _LAYERS.ELU,
    _LAYERS.Dropout,
    _LAYERS.SpatialDropout1D,
    _LAYERS.SpatialDropout2D,
    _LAYERS.SpatialDropout3D,
)
_POOLING = tuple(
    getattr(_LAYERS, f"{which}{dimensions}D")
    for which in (
        *("MaxPooling", "AveragePooling"),
        *("GlobalMaxPooling", "GlobalAveragePooling"),
    )
    for dimensions in (1, 2, 3)
)
_ACROSS_CHANNELS = ("softmax", "log_softmax", "sparsemax", "glu")


class Kind(enum.Enum):
    """What a layer does with the channels of its input.

    Attributes:
        GATE: Multiplies each by a gate.
        POINTWISE: Makes of each channel one of its own, of the same shape.
        POOLING: The same, at fewer places.
        FLATTEN: Lays all places of all channels side by side.
        LINEAR: Sums them, to channels of its own.
        OTHER: Anything else.
    """

    GATE = enum.auto()
    POINTWISE = enum.auto()
    POOLING = enum.auto()
    FLATTEN = enum.auto()
    LINEAR = enum.auto()
    OTHER = enum.auto()


def kind_of(call: Call) -> Kind:
    """What a call does with channels on the last axis of its input.

    Raises:
        ValueError: If it gates anything else.
    """
    layer, what = call.layer, type(call.layer)
    if what is HardConcrete:
        _check_gate(call)
        return Kind.GATE
    _check_inside(layer)
    if call.is_shared or len(call.read) != 1:
        return Kind.OTHER
    if getattr(layer, "data_format", "") == "channels_first":
        return Kind.OTHER
    if what is _LAYERS.BatchNormalization and layer.axis not in _last_axes(call):
        return Kind.OTHER
    if what in _POINTWISE or (what is _LAYERS.Activation and _is_pointwise(layer)):
        return Kind.POINTWISE
    if what in _POOLING:
        return Kind.POOLING
    if what is _LAYERS.Flatten and call.made[0].shape[-1] is not None:
        return Kind.FLATTEN
    if what in _LINEAR and getattr(layer, "groups", 1) == 1 and not _is_rewritten(layer):
        return Kind.LINEAR
    return Kind.OTHER


def can_be_cut(layer: keras.Layer) -> bool:
    """Whether a linear layer's channels do without one another."""
    return _is_pointwise(layer)


def _is_pointwise(layer: keras.Layer) -> bool:
    name = getattr(layer.activation, "__name__", None)
    if name is None or name in _ACROSS_CHANNELS:
        return False
    return getattr(keras.activations, name, None) is layer.activation


def _is_rewritten(layer: keras.Layer) -> bool:
    """Whether it has other weights than a kernel and a bias: quantised, or LoRA's."""
    return len(layer.weights) != 1 + getattr(layer, "use_bias", 0)


def _last_axes(call: Call) -> tuple[int, int]:
    return -1, len(call.read[0].shape) - 1


def _check_gate(call: Call) -> None:
    shape = call.read[0].shape
    last = [len(shape) - 1]
    if positive_axes(call.layer.name, call.layer.axis, shape) != last:
        raise ValueError(
            f"shrink cuts units and channels, on the last axis, and {call.layer.name!r} "
            f"gates axis={call.layer.axis!r} of {tuple(shape)}: keep this model as it is."
        )
    if call.is_shared:
        raise ValueError(
            f"shrink cannot follow the gates {call.layer.name!r}, which the model calls "
            "more than once. Give each place a HardConcrete of its own."
        )


def _check_inside(layer: keras.Layer) -> None:
    if not isinstance(layer, keras.Layer):
        return
    if any(isinstance(inner, HardConcrete) for inner in all_layers(layer)):
        raise ValueError(
            f"shrink cannot look into {layer.name!r}, a {type(layer).__name__} with "
            "gates inside. Shrink that by itself, or build one model of all the layers."
        )
