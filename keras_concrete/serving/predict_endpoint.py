"""The endpoint of a functional or Sequential model of one's own."""

import itertools
import keyword
import re
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_concrete.seeding import fixed_noise
from keras_concrete.serving.endpoint import A_BATCH, SEED, Endpoint
from keras_concrete.sublayers import input_shapes
from keras_concrete.types import Tensor

__all__ = ["predict_endpoint"]


def predict_endpoint(model: keras.Model) -> Endpoint:
    """The function of a model's inputs, by their names, and of a seed.

    Args:
        model: A built functional or Sequential model.

    Returns:
        An endpoint whose outputs have the model's own keys, or the names of their
        layers, numbered where they repeat.

    Raises:
        ValueError: If a signature cannot have the names of the inputs, or the outputs
            are a dict of anything but tensors.

    Example:
    >>> model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2)])
    >>> [spec.name for spec in predict_endpoint(model).inputs]
    ['x', 'seed']
    """
    is_sequential = isinstance(model, keras.Sequential)
    structure = model.inputs[0] if is_sequential else model.input
    names = [tensor.name for tensor in model.inputs]
    _check_input_names(names)
    if is_sequential:
        output_names = _unique([model.layers[-1].name] * len(model.outputs))
    else:
        _check_outputs(model.output)
        output_names = _unique(model.output_names)

    def predict(*arguments: Tensor) -> dict[str, Tensor]:
        *inputs, seed = arguments
        with fixed_noise(model, seed):
            outputs = model(keras.tree.pack_sequence_as(structure, inputs))
        if isinstance(outputs, dict):
            return outputs
        return dict(zip(output_names, keras.tree.flatten(outputs), strict=True))

    shapes = input_shapes(model)
    inputs = [
        tf.TensorSpec(shape, tensor.dtype, name=name)
        for name, tensor, shape in zip(names, model.inputs, shapes, strict=True)
    ]
    is_free = all(shape[:1] == (None,) for shape in shapes)
    of_rows = is_free and _gives_rows(model, structure)
    return Endpoint(predict, (*inputs, SEED), of_rows)


def _gives_rows(model: keras.Model, structure: Any) -> bool:
    """Whether each output has a row for each row of the inputs."""
    inputs = [
        keras.KerasTensor((A_BATCH, *tensor.shape[1:]), tensor.dtype)
        for tensor in model.inputs
    ]
    outputs = model.compute_output_spec(keras.tree.pack_sequence_as(structure, inputs))
    return all(part.shape[:1] == (A_BATCH,) for part in keras.tree.flatten(outputs))


def _check_input_names(names: Sequence[str]) -> None:
    """Refuses names that TensorFlow would change, confuse or not take."""
    for name in {"seed", "seeds"}.intersection(names):
        raise ValueError(
            f"`{name}` is an input of the endpoint: give the model's own input another "
            "name, as in keras.Input(shape, name=...)."
        )
    bad = [
        name
        for name in names
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
        or keyword.iskeyword(name)
        or name == "self"
    ]
    lower = [name.lower() for name in names]
    bad += [n for n in names if lower.count(n.lower()) > 1]
    if bad:
        raise ValueError(
            "Inputs of a served model must have names of letters, digits and "
            "underscores that begin with a letter, differ by more than case and are no "
            "keywords of Python: name them by keras.Input(shape, name=...). "
            f"Received: {', '.join(map(repr, bad))}"
        )


def _check_outputs(outputs: Any) -> None:
    if isinstance(outputs, dict) and any(
        not isinstance(key, str) or keras.tree.is_nested(value)
        for key, value in outputs.items()
    ):
        raise ValueError(
            "A served model must return a tensor, a list of tensors, or a dict of "
            "tensors by strings, with no dict or list inside: build a keras.Model with "
            f"flat outputs. Received: outputs by the keys {list(outputs)}"
        )


def _unique(names: Sequence[str]) -> list[str]:
    """Appends numbers to names that repeat, as those of a layer with two outputs do."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{i}" for i in itertools.count(1))
        free = (n for n in itertools.chain([name], numbered) if n not in found)
        found.append(next(free))
    return found
