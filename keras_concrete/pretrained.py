"""Small trained models that come with the package."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_concrete.checks import check_choice

__all__ = [
    "PRETRAINED",
    "PRETRAINED_FOLDER",
    "ModelCard",
    "load_pretrained",
    "model_card",
]

PRETRAINED_FOLDER = Path(__file__).with_name("pretrained_models")

# Names of the models.
PRETRAINED = ("belief_network_mnist5k", "hash_mnist5k")


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a trained model is, written by the program that trained it.

    Attributes:
        name: Name of the model.
        description: What it takes and returns.
        data: What it was trained on.
        steps: Steps of training, of 64 images each.
        results: Measured on images that it was not trained on, by name and unit.
        licence: Of the model and of the data.
        command: The command that trained it.
        versions: Of Python and of packages, by name.
    """

    name: str
    description: str
    data: str
    steps: int
    results: dict[str, float]
    licence: str
    command: str
    versions: dict[str, str]


def load_pretrained(name: str) -> keras.Model:
    """Loads a small trained model that comes with the package.

    They are to try things on, and small: a few hundred kilobytes, trained for minutes on
    the 4,000 training images of `load_dataset("mnist5k")`. `model_card(name)` says how
    good they are.

    Args:
        name: `"belief_network_mnist5k"`: a `SigmoidBeliefNetwork` of binary digits,
            `(batch, 784)`, to sample, encode and evaluate. `"hash_mnist5k"`: an encoder
            from binary digits, `(batch, 784)`, to 64 bits, 0.0 or 1.0 in float32,
            `(batch, 64)`, such that similar digits have similar bits.

    Returns:
        The model, not compiled: compile it to train it further.

    Raises:
        ValueError: If there is no model of that name.

    Example:
    >>> import keras_concrete as kc
    >>> digits = kc.load_dataset("mnist5k").test
    >>> kc.load_pretrained("hash_mnist5k")(digits[:2]).shape
    TensorShape([2, 64])
    """
    return keras.saving.load_model(_file(name, "keras"), compile=False)


def model_card(name: str) -> ModelCard:
    """Says what a model of `load_pretrained` is, and how good.

    Args:
        name: As `load_pretrained` takes it.

    Returns:
        The card.

    Raises:
        ValueError: If there is no model of that name.

    Example:
    >>> card = model_card("hash_mnist5k")
    >>> sorted(card.results)
    ['chance', 'precision at 10']
    """
    content: dict[str, Any] = json.loads(_file(name, "json").read_text())
    return ModelCard(**content)


def _file(name: str, ending: str) -> Path:
    check_choice("name", name, PRETRAINED)
    return PRETRAINED_FOLDER / f"{name}.{ending}"
