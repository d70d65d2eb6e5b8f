"""Models that end in their bound, which callbacks can read."""

from typing import Any

import keras

from keras_concrete.layers import MultiSampleBound
from keras_concrete.sublayers import all_layers

__all__ = ["bound_of", "check_ends_in_bound"]


def check_ends_in_bound(callback: str, model: Any, has_bound: bool) -> None:
    """Refuses a model that gives its bound neither by a method nor as its output.

    Args:
        callback: Name of the callback.
        model: The model that it is used with.
        has_bound: Whether a method of the model gives what the callback reads.

    Raises:
        ValueError: If it is another.
    """
    if has_bound or _ends_in_bound(model):
        return
    raise ValueError(
        f"{callback} is for a SigmoidBeliefNetwork, or for a functional model "
        'whose output is that of MultiSampleBound, or a dict with it as "bound". '
        f"Received: {model.name!r}, a {type(model).__name__}"
    )


def _ends_in_bound(model: keras.Model) -> bool:
    bound = bound_of(getattr(model, "output", None))
    layers = [layer for layer in all_layers(model) if isinstance(layer, MultiSampleBound)]
    return any(bound is getattr(layer, "output", layer) for layer in layers)


def bound_of(outputs: Any) -> Any:
    """The bound among the outputs of a model."""
    return outputs.get("bound") if isinstance(outputs, dict) else outputs
