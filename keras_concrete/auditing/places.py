"""The layers of a functional model, each as the model calls it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_concrete.auditing.behaviour import is_of_keras
from keras_concrete.sublayers import as_functional
from keras_concrete.types import Tensor

__all__ = ["Place", "has_graph", "places"]


class Place(NamedTuple):
    """A layer in a model, and how it is called.

    Attributes:
        layer: The layer.
        args: Its arguments for the data, upstream layers as outside training.
        kwargs: Arguments by name, likewise.
        trains_before: Whether there are trainable weights upstream.
    """

    layer: keras.Layer
    args: tuple
    kwargs: dict[str, Any]
    trains_before: bool

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors among the arguments."""
        return [i for i in keras.tree.flatten(self._arguments) if _is_tensor(i)]

    @property
    def _arguments(self) -> Any:
        return self.args, self.kwargs

    def call(
        self, training: bool, inputs: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        """Calls the layer as the model does.

        Args:
            training: Whether its training graph is meant, whatever the model asks.
            inputs: Tensors in place of its own.

        Returns:
            The outputs.
        """
        left = iter(self.inputs if inputs is None else inputs)
        args, kwargs = keras.tree.map_structure(
            lambda leaf: next(left) if _is_tensor(leaf) else leaf, self._arguments
        )
        return keras.tree.flatten(self.layer(*args, **{**kwargs, "training": training}))


class _Call(NamedTuple):
    layer: Any
    args: tuple
    kwargs: dict[str, Any]
    outputs: Any


class _Watched(keras.Operation):
    """Stands for a layer, and notes what it is called on.

    Args:
        layer: The layer, or another operation.
        seen: Is given each call.
    """

    def __init__(self, layer: Any, seen: list[_Call]) -> None:
        super().__init__()
        self._layer, self._seen = layer, seen

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer, and notes that."""
        outputs = self._layer(*args, **kwargs)
        self._seen.append(_Call(self._layer, args, kwargs, outputs))
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """That of the layer."""
        return self._layer.compute_output_spec(*args, **kwargs)


def has_graph(model: keras.Model) -> bool:
    """Whether a model is functional or Sequential, so that its layers can be followed."""
    return bool(getattr(model, "inputs", None)) and bool(getattr(model, "outputs", None))


def places(model: keras.Model, x: Any, trains_before: bool = False) -> Iterator[Place]:
    """Yields layers of a model, and those of functional models inside it.

    Keras's own layers are passed over. A layer that is called several times is followed
    where it is called first.

    Args:
        model: A model that `has_graph`.
        x: What it is called on.
        trains_before: Whether there are trainable weights before the model.
    """
    followed: set[Any] = set()
    trained: set[int] = set()  # Tensors that trainable weights have made.
    for layer, args, kwargs, outputs in _calls(model, x):
        read, made = (
            {id(leaf) for leaf in keras.tree.flatten(tensors)}
            for tensors in ((args, kwargs), outputs)
        )
        trains = trains_before or not trained.isdisjoint(read)
        if trains or getattr(layer, "trainable_weights", None):
            trained |= made
        if layer in followed or not isinstance(layer, keras.Layer):
            continue
        followed.add(layer)
        if isinstance(layer, keras.Model) and has_graph(layer):
            given = args[0] if args else kwargs["inputs"]
            yield from places(layer, given, trains)
        elif not is_of_keras(layer):
            yield Place(layer, args, kwargs, trains)


def _calls(model: keras.Model, x: Any) -> list[_Call]:
    """The calls of one pass outside training; the tensors in them stay alive."""
    seen: list[_Call] = []
    watched = keras.models.clone_model(
        as_functional(model), clone_function=lambda layer: _Watched(layer, seen)
    )
    watched(x, training=False)
    return seen


def _is_tensor(leaf: Any) -> bool:
    return bool(ops.is_tensor(leaf))
