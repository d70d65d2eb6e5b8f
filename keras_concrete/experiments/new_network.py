"""The network that settings describe, and whether they fit the data."""

from typing import Any

import keras

from keras_concrete.checks import check_images
from keras_concrete.datasets import Dataset
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.images import smoothed_mean
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import parse_architecture
from keras_concrete.temperatures import Temperatures, choose_temperatures

__all__ = ["check_fit", "largest_divisor", "new_network", "of_second_estimator"]


def check_fit(config: TrainingConfig, data: Dataset) -> None:
    """Refuses settings that would fail in the first step.

    Args:
        config: The settings.
        data: The data set that they name.

    Raises:
        ValueError: If the architecture or the batch size does not fit the data.
    """
    architecture = parse_architecture(config.architecture)
    num_images, pixels = data.train.shape
    if architecture.num_pixels != pixels:
        context = architecture.context_units
        end = pixels if context is None or context >= pixels else pixels - context
        raise ValueError(
            f"The images of {data.name} have {pixels} pixels, so that the architecture "
            f"must end in {end}V. Received: architecture={config.architecture!r}"
        )
    for part in ("train", "validation", "test"):
        check_images(f"{data.name}.{part}", getattr(data, part), pixels)
    if config.batch_size > num_images:
        raise ValueError(
            f"Argument `batch_size` must be at most {num_images}, the number of training "
            f"images of {data.name}. Received: batch_size={config.batch_size}"
        )


def new_network(config: TrainingConfig, data: Dataset) -> SigmoidBeliefNetwork:
    """Makes the network of a run, compiled and not trained yet.

    It is by the run's `estimator`, of the second half of the epochs if they differ.

    Args:
        config: The settings.
        data: The data set that they name.

    Returns:
        The network.
    """
    architecture = parse_architecture(config.architecture)
    steps = config.epochs * config.num_steps(len(data.train))
    temperatures = _temperatures(config, steps)
    decay = config.weight_decay
    network = SigmoidBeliefNetwork(
        config.architecture,
        arity=config.arity,
        num_samples=config.num_samples,
        estimator=config.estimator,
        prior_temperature=temperatures.prior,
        posterior_temperature=temperatures.posterior,
        visible_mean=smoothed_mean(architecture.modelled(data.train)),
        centering=config.centering,
        encoder_units=config.encoder_units,
        kernel_regularizer=keras.regularizers.L2(decay / 2) if decay else None,
        seed=config.seed,
    )
    learning_rate: Any = config.learning_rate
    if config.learning_rate_schedule == "cosine":
        learning_rate = keras.optimizers.schedules.CosineDecay(
            config.learning_rate, decay_steps=steps
        )
    network.compile(keras.optimizers.Adam(learning_rate))
    return network


def _temperatures(config: TrainingConfig, steps: int) -> Temperatures:
    """The temperatures, as the network takes them, over that many steps."""
    given = Temperatures(config.prior_temperature, config.posterior_temperature)
    rate = config.temperature_decay_rate
    if rate == 1.0:
        return given
    conditional = parse_architecture(config.architecture).context_units is not None
    first = choose_temperatures(
        config.arity,
        prior=given.prior,
        posterior=given.posterior,
        conditional=conditional,
    )
    decays = Temperatures(
        *(keras.optimizers.schedules.ExponentialDecay(t, steps, rate) for t in first)
    )
    return decays._replace(prior=None) if conditional else decays


def of_second_estimator(
    network: SigmoidBeliefNetwork, config: TrainingConfig, data: Dataset
) -> SigmoidBeliefNetwork:
    """Has a network go on by the estimator of the second half of a run.

    Args:
        network: The network after the first half.
        config: The settings.
        data: The data set that they name.

    Returns:
        A network with its weights, counters of noise and state of the optimizer.
    """
    second = new_network(config, data)
    second.optimizer.build(second.trainable_variables)
    olds, news = (
        [*each.variables, *each.optimizer.variables] for each in (network, second)
    )
    for old, new in zip(olds, news, strict=True):
        new.assign(old)
    return second


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of a number among 1, 2, ..., limit.

    Args:
        number: A positive integer.
        limit: A positive integer.

    Example:
    >>> largest_divisor(62, limit=32)
    31
    """
    return max(size for size in range(1, limit + 1) if number % size == 0)
