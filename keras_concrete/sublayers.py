"""All layers of a model: in cells, in wrappers, in layers of the user's own."""

from collections.abc import Iterator

import keras

__all__ = ["all_layers"]


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
