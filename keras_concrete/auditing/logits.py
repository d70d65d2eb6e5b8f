"""Probabilities that are given where logits are meant, and the other way round."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_concrete.auditing.finding import Finding
from keras_concrete.auditing.places import Place
from keras_concrete.layers import BernoulliLogLikelihood, ConcreteSample, SubsetSample
from keras_concrete.layers.probabilities import are_probabilities
from keras_concrete.layers.sampler import Sampler

__all__ = ["faults_of_logits", "faults_of_losses"]


def faults_of_logits(place: Place) -> Iterator[Finding]:
    """Probabilities given to a layer of this package that takes logits.

    Args:
        place: The layer.
    """
    layer = place.layer
    if isinstance(layer, Sampler | SubsetSample):
        logits = np.asarray(place.inputs[0], "float32")
    elif isinstance(layer, BernoulliLogLikelihood):
        by_name = "logits" in place.kwargs
        logits = place.kwargs["logits"] if by_name else place.args[1]
        logits = np.asarray(logits, "float32")
    else:
        return
    if are_probabilities(logits, isinstance(layer, ConcreteSample | SubsetSample)):
        yield Finding(
            "probabilities as logits",
            layer.name,
            "takes logits, and what it is given are probabilities",
            "leave out the sigmoid or softmax before it",
        )


def faults_of_losses(model: keras.Model, outputs: Any) -> Iterator[Finding]:
    """Outputs that are no logits, or no probabilities, where a loss takes them as such.

    Args:
        model: The model; one that is not compiled with a cross-entropy has no such fault.
        outputs: What it gives for the data outside training.
    """
    for name, loss, output in _losses(model, outputs):
        takes_logits = _takes_logits(loss)
        values = np.asarray(output, "float32")
        of_rows = "categorical" in _name(loss)
        if takes_logits and are_probabilities(values, of_rows):
            yield Finding(
                "probabilities as logits",
                name,
                "gives probabilities to a loss with from_logits=True",
                "leave out the activation of the output, or from_logits=True",
            )
        elif takes_logits is False and (values.min() < 0 or values.max() > 1):
            yield Finding(
                "probabilities as logits",
                name,
                "gives logits to a loss that takes probabilities",
                "pass from_logits=True to the loss",
            )


def _losses(model: keras.Model, outputs: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name of the output, loss and output, of each that has a loss."""
    loss = getattr(model, "loss", None)
    flat = keras.tree.flatten(outputs)
    if isinstance(loss, dict):
        if not isinstance(outputs, dict):
            names = getattr(model, "output_names", None) or []
            outputs = dict(zip(names, flat, strict=False))
        yield from ((name, loss[name], outputs[name]) for name in loss if name in outputs)
        return
    losses = list(loss) if isinstance(loss, list | tuple) else [loss] * len(flat)
    yield from zip(_names(model, len(flat)), losses, flat, strict=False)


def _names(model: keras.Model, number: int) -> list[str]:
    """Names of the layers that the outputs come from, or that of the model."""
    if isinstance(model, keras.Sequential):
        return [model.layers[-1].name]
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == number else [model.name] * number


def _takes_logits(loss: Any) -> bool | None:
    """What a cross-entropy of Keras takes; None for another loss, or none."""
    if "crossentropy" not in _name(loss).replace("_", ""):
        return None
    module = str(getattr(loss, "__module__", ""))
    if not isinstance(loss, str) and module.partition(".")[0] != "keras":
        return None
    if isinstance(loss, keras.losses.Loss):
        takes_logits = loss.get_config().get("from_logits")
        return None if takes_logits is None else bool(takes_logits)
    return False


def _name(loss: Any) -> str:
    if isinstance(loss, str):
        return loss.lower()
    return getattr(loss, "__name__", type(loss).__name__).lower()
