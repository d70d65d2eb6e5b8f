"""The layers of a functional model, each with what it is called on."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from keras_concrete.auditing.behaviour import is_of_keras
from keras_concrete.types import Tensor

__all__ = ["Place", "has_graph", "places"]


class Place(NamedTuple):
    """A layer in a model.

    Attributes:
        layer: The layer.
        inputs: Its inputs for the data, upstream layers as outside training.
        trains_before: Whether there are trainable weights upstream.
    """

    layer: keras.Layer
    inputs: list[Tensor]
    trains_before: bool


def has_graph(model: keras.Model) -> bool:
    """Whether a model is functional or Sequential, so that its layers can be followed."""
    return bool(getattr(model, "inputs", None)) and bool(getattr(model, "outputs", None))


def places(model: keras.Model, x: Any, trains_before: bool = False) -> Iterator[Place]:
    """Yields layers of a model, and those of functional models inside it.

    Keras's own layers are passed over. A layer that is called several times is followed
    where it is called first; one whose first call was in another model is left out.

    Args:
        model: A model that `has_graph`.
        x: What it is called on.
        trains_before: Whether there are trainable weights before the model.
    """
    befores = {
        layer: before
        for layer in model.layers
        if isinstance(layer, keras.Model) or not is_of_keras(layer)
        if (before := _before(model, layer)) is not None
    }
    if not befores:
        return
    # All in one pass, in which what layers share is computed once.
    tensors = [tensor for before in befores.values() for tensor in before.outputs]
    run = keras.Model(model.inputs, tensors)
    values = iter(keras.tree.flatten(run(x, training=False)))
    for layer, before in befores.items():
        inputs = [next(values) for _ in before.outputs]
        trains = trains_before or bool(before.trainable_weights)
        if isinstance(layer, keras.Model) and has_graph(layer):
            called = inputs[0] if len(layer.inputs) == 1 else inputs
            yield from places(layer, called, trains)
        else:
            yield Place(layer, inputs, trains)


def _before(model: keras.Model, layer: keras.Layer) -> keras.Model | None:
    """The part of a model that gives a layer its inputs."""
    try:
        return keras.Model(model.inputs, layer.input)
    except (AttributeError, ValueError):
        return None
