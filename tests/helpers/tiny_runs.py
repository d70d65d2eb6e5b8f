"""Runs that take seconds: their data, their settings, their commands."""

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from keras_concrete import datasets
from keras_concrete.experiments import command_line
from keras_concrete.experiments.training_config import TrainingConfig


def tiny_config():
    return TrainingConfig(
        architecture="4H~3H-16V",
        data="tiny",
        epochs=4,
        batch_size=10,
        num_samples=2,
        evaluation_samples=20,
        learning_rate=0.01,
    )


def tiny_data():
    generator = np.random.default_rng(0)
    parts = (
        generator.integers(0, 2, (size, 16)).astype("uint8") for size in (64, 20, 30)
    )
    return datasets.Dataset("tiny", *parts)


def six_pixels(scale=1):
    parts = np.random.default_rng(0).integers(0, 2, (3, 8, 6)).astype("uint8")
    return datasets.Dataset("tiny", *(scale * parts))


def invoke(*arguments):
    return CliRunner().invoke(command_line.app, [str(a) for a in arguments])


def pixels(picture):
    with Image.open(picture) as image:
        return np.asarray(image)


class Stop(KeyboardInterrupt):
    """Ctrl-C."""
