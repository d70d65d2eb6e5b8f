"""The fit of a run: from its settings, or from its last full epoch, to its last one.

The run folder is the run's only state: stopped at any moment, the run continues from its
last full epoch and ends as it would have without the stop, bit for bit.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_concrete.datasets import Dataset
from keras_concrete.experiments.new_network import (
    check_fit,
    largest_divisor,
    new_network,
    of_second_estimator,
)
from keras_concrete.experiments.run_callbacks import BestCheckpoint, Checkpoint, Stopwatch
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.files import remove_leftovers, write_whole
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import parse_architecture
from keras_concrete.shuffled_batches import shuffled_batches

__all__ = ["resume_fit", "start_fit"]


def start_fit(
    folder: RunFolder,
    config: TrainingConfig,
    data: Dataset,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> SigmoidBeliefNetwork:
    """Trains a new network to its last epoch.

    Args:
        folder: Where the run's files go.
        config: The settings.
        data: The data set that the settings name.
        callbacks: Of Keras, beside those that write the run's files.

    Returns:
        The network that the run stands for: its best or its last.

    Raises:
        ValueError: If the architecture or the batch size does not fit the data.
    """
    check_fit(config, data)
    # Before the folder, which then is of settings that make a network.
    network = new_network(config.of_epoch(0), data)
    folder.create(config)
    return _fit(folder, config, network, data, callbacks)


def resume_fit(
    folder: RunFolder,
    data: Dataset,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> SigmoidBeliefNetwork:
    """Trains the network of a run from its last full epoch to its last one.

    Args:
        folder: Where the run's files are.
        data: The data set that the run's settings name.
        callbacks: Of Keras, beside those that write the run's files.

    Returns:
        The network that the run stands for: its best or its last.

    Raises:
        FileNotFoundError: If there is no run in `folder` to go on with.
        ValueError: If files of the run are damaged, or do not fit one another or the
            data.
    """
    config = folder.config()
    check_fit(config, data)
    network = folder.last_model()
    if network is None:
        network = new_network(config.of_epoch(0), data)
    else:
        _check_is_of_settings(network, folder, config, data)
    return _fit(folder, config, network, data, callbacks)


def _check_is_of_settings(
    network: SigmoidBeliefNetwork,
    folder: RunFolder,
    config: TrainingConfig,
    data: Dataset,
) -> None:
    """Refuses a network whose steps and rates are not those of the settings."""
    steps = config.num_steps(len(data.train))
    first_step = int(network.optimizer.iterations)
    if first_step % steps:
        raise ValueError(
            f"{folder.model_file} holds a network after {first_step} steps, which are no "
            f"whole epochs of {steps}: it is not of this run. Restore its own, or the "
            "run's config.json."
        )
    last_epoch = first_step // steps - 1
    planned = new_network(config.of_epoch(last_epoch), data)
    if network.visible_mean != planned.visible_mean:
        raise ValueError(
            f"{folder.model_file} holds a network that was not trained on {data.name}, "
            "as config.json says. Restore the run's config.json, or start a new run."
        )
    expected = _course(planned)
    for name, value in _course(network).items():
        if value != expected[name]:
            raise ValueError(
                f"{folder.model_file} holds a network with {name}={value}, where "
                f"config.json makes it {expected[name]}: epochs, steps and rates of a "
                "run are those that it began with. Restore the run's config.json, or "
                "start a new run."
            )


def _course(network: SigmoidBeliefNetwork) -> dict[str, Any]:
    """What of the settings a saved network follows in training, by its names."""
    config = network.get_config()
    temperatures = ("prior_temperature", "posterior_temperature")
    names = ("seed", *temperatures, "kernel_regularizer")
    rate = network.optimizer.get_config()["learning_rate"]
    return {"learning_rate": rate, **{name: config[name] for name in names}}


def _fit(
    folder: RunFolder,
    config: TrainingConfig,
    network: SigmoidBeliefNetwork,
    data: Dataset,
    callbacks: Sequence[keras.callbacks.Callback],
) -> SigmoidBeliefNetwork:
    architecture = parse_architecture(config.architecture)
    steps = config.num_steps(len(data.train))
    num_epochs = int(network.optimizer.iterations) // steps
    remove_leftovers(folder.path)
    folder.cut_tables(num_epochs)
    validation = architecture.split(data.validation)
    if not isinstance(validation, tuple):
        validation = (validation,)
    # A divisor: batches of one size compile once.
    validation_batch_size = largest_divisor(len(data.validation), 500)
    logger = keras.callbacks.CSVLogger(folder.history_file, append=True)
    writers = [logger, Checkpoint(folder.model_file), Stopwatch(folder.timing_file)]
    if config.keeps_best:
        best = _best_bound(folder, num_epochs, validation, validation_batch_size)
        keeper = BestCheckpoint(folder.model_file, folder.best_file, best)
        writers.insert(2, keeper)
    try:
        for last_epoch in (config.first_epochs, config.epochs):
            if num_epochs >= last_epoch:
                continue
            if last_epoch == config.epochs and network.estimator != config.estimator:
                network = of_second_estimator(network, config, data)
            batches = shuffled_batches(
                data.train, config.batch_size, config.seed, num_epochs * steps
            )
            network.fit(
                batches.map(architecture.split),
                validation_data=validation,
                validation_batch_size=validation_batch_size,
                initial_epoch=num_epochs,
                epochs=last_epoch,
                steps_per_epoch=steps,
                shuffle=False,
                verbose=0,
                callbacks=[*writers, *callbacks],
            )
            num_epochs = last_epoch
    finally:
        # Keras leaves the file open when training is stopped.
        if logger.csv_file is not None:
            logger.csv_file.close()
    return folder.model()


def _best_bound(
    folder: RunFolder, num_epochs: int, validation: tuple[Any, ...], batch_size: int
) -> float:
    """The best validation bound so far; its network is then in `best.keras`."""
    history = folder.history()
    if history.get("epoch", []) != list(range(num_epochs)):
        # Rows were lost, so that the bound is estimated anew.
        metrics = folder.model().evaluate(
            *validation, batch_size=batch_size, verbose=0, return_dict=True
        )
        return metrics["bound"]
    best = -math.inf
    for val_bound in history.get("val_bound", []):
        is_better = val_bound > best
        best = val_bound if is_better else best
    # A stop may have come between the last checkpoint and its copy.
    if num_epochs and is_better:
        write_whole(folder.best_file, folder.model_file.read_bytes())
    return best
