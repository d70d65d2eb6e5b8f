"""Layers of a model, in cells, wrappers and layers of one's own, and those that run."""

import inspect
from collections.abc import Iterator
from typing import TypeVar

import keras

__all__ = [
    "all_layers",
    "as_functional",
    "check_has_inputs",
    "input_shapes",
    "running_layers",
]

_Kind = TypeVar("_Kind", bound=keras.Layer)


def all_layers(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yields a layer and, each once, all layers that its attributes hold.

    Args:
        layer: A layer or a model.

    Yields:
        The layer, then the others: a model's in the order in which it has them.

    Example:
    >>> cell = keras.layers.StackedRNNCells([keras.layers.GRUCell(2)])
    >>> [type(layer).__name__ for layer in all_layers(keras.layers.RNN(cell))]
    ['RNN', 'StackedRNNCells', 'GRUCell']
    """
    seen = {id(layer)}
    waiting = [layer]
    while waiting:
        layer = waiting.pop()
        yield layer
        found = []
        for child in _children(layer):
            if id(child) not in seen:
                seen.add(id(child))
                found.append(child)
        waiting.extend(reversed(found))


def running_layers(kind: type[_Kind]) -> Iterator[_Kind]:
    """Yields the layers of a kind that are being called, the innermost first.

    Args:
        kind: Class of layers or models.

    Yields:
        A layer for each function of one that is on the stack of calls.
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, kind):
            yield caller
        frame = frame.f_back


def _children(layer: keras.Layer) -> Iterator[keras.Layer]:
    yield from getattr(layer, "layers", [])
    for value in vars(layer).values():
        yield from _layers_in(value)


def _layers_in(value: object) -> Iterator[keras.Layer]:
    if isinstance(value, keras.Layer):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _layers_in(member)
    elif isinstance(value, list | tuple | set):
        for member in value:
            yield from _layers_in(member)


def as_functional(model: keras.Model) -> keras.Model:
    """A functional model of the same layers, which is not compiled.

    Args:
        model: A built functional or Sequential model.

    Example:
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="m")
    >>> as_functional(model).name
    'm'
    """
    if isinstance(model, keras.Sequential):
        one, several = model.outputs[0], model.outputs
        outputs = one if len(several) == 1 else several
        return keras.Model(model.inputs[0], outputs, name=model.name)
    return keras.Model(model.input, model.output, name=model.name)


def check_has_inputs(model: keras.Model, other: str = "") -> None:
    """Refuses a model whose layers cannot be followed.

    Args:
        model: What was given.
        other: What else than a functional or Sequential model is taken, for the error.

    Raises:
        ValueError: If it is no model, or one without known inputs.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            f"Argument `model` must be {other}a functional or Sequential model whose "
            "inputs are known. Call a Sequential model on data first; put a subclassed "
            "one, or its layers, into a functional one: x = keras.Input(...), "
            f"keras.Model(x, model(x)). Received: {model!r}"
        )


def input_shapes(model: keras.Model) -> list[tuple[int | None, ...]]:
    """Shapes of a model's inputs, with any number of rows where it is Sequential.

    One that was built by a call has there the size of that call's batch.

    Args:
        model: A built functional or Sequential model.

    Example:
    >>> model = keras.Sequential([keras.layers.Dense(2)])
    >>> output = model(keras.ops.zeros((5, 3)))
    >>> input_shapes(model)
    [(None, 3)]
    """
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if isinstance(model, keras.Sequential):
        return [(None, *shape[1:]) for shape in shapes]
    return shapes
