"""What was done to the layers of a network after it was made: frozen, quantized."""

from typing import Any

import keras

__all__ = ["layer_states", "restore_layer_states"]


def layer_states(model: keras.Model) -> dict[str, dict[str, Any]]:
    """Describes the layers that are not as the constructor makes them.

    Args:
        model: A model whose layers have distinct names.

    Returns:
        For each such layer, by its name, `trainable` if it is frozen, and
        `quantization_mode` if it is quantized: values for JSON.
    """
    states: dict[str, dict[str, Any]] = {}
    for layer in model.layers:
        state: dict[str, Any] = {}
        if not layer.trainable:
            state["trainable"] = False
        mode = getattr(layer.dtype_policy, "quantization_mode", None)
        if mode is not None:
            state["quantization_mode"] = mode
        if state:
            states[layer.name] = state
    return states


def restore_layer_states(model: keras.Model, states: dict[str, dict[str, Any]]) -> None:
    """Freezes and quantizes the layers of a new model as they were.

    Args:
        model: A new model with layers of the same names.
        states: What `layer_states` returned.
    """
    for name, state in states.items():
        layer = model.get_layer(name)
        if "quantization_mode" in state:
            layer.quantize(state["quantization_mode"])
        layer.trainable = state.get("trainable", True)
