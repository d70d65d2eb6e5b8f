"""The layer calls that a functional model is made of, in the order of its data."""

from typing import Any, NamedTuple

import keras

from keras_concrete.sublayers import as_functional

__all__ = ["Call", "recorded"]


class Call(NamedTuple):
    """One call of a layer, on tensors of a copy of the model.

    Attributes:
        layer: The layer, or operation, of the model itself.
        is_shared: Whether the model calls it elsewhere too.
        args: Arguments, with tensors among them.
        kwargs: Arguments by name, likewise.
        outputs: What it returns.
    """

    layer: Any
    is_shared: bool
    args: tuple
    kwargs: dict[str, Any]
    outputs: Any

    @property
    def read(self) -> list[keras.KerasTensor]:
        """The tensors that it reads."""
        return _tensors((self.args, self.kwargs))

    @property
    def made(self) -> list[keras.KerasTensor]:
        """The tensors that it returns."""
        return _tensors(self.outputs)


def recorded(model: keras.Model) -> tuple[list[Call], Any, Any]:
    """Lists the calls of a model, each after those whose tensors it reads.

    Args:
        model: A built functional or Sequential model.

    Returns:
        The calls; and the inputs and outputs, as the model structures them, of the copy
        of the model that they are calls of.

    Example:
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> calls, inputs, outputs = recorded(model)
    >>> [type(call.layer).__name__ for call in calls]
    ['Dense']
    """
    originals: dict[int, Any] = {}
    copies, seen = [], []

    def copied(layer: Any) -> Any:
        copy = type(layer).from_config(layer.get_config())
        copies.append(copy)
        originals[id(copy)] = layer
        return copy

    def called(copy: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = copy(*args, **kwargs)
        seen.append((originals[id(copy)], args, kwargs, outputs))
        return outputs

    copy = keras.models.clone_model(
        as_functional(model), clone_function=copied, call_function=called
    )
    layers = [layer for layer, *_ in seen]
    calls = [Call(call[0], layers.count(call[0]) > 1, *call[1:]) for call in seen]
    return calls, copy.input, copy.output


def _tensors(structure: Any) -> list[keras.KerasTensor]:
    leaves = keras.tree.flatten(structure)
    return [leaf for leaf in leaves if isinstance(leaf, keras.KerasTensor)]
