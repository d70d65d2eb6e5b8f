"""The networks that a run saved, loaded and compared with its settings."""

import zipfile
from pathlib import Path

import keras

from keras_concrete.experiments.advice import copy_command
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["load_network"]

# What a network and the settings of its run have in common.
_SHARED = "architecture arity num_samples estimator centering encoder_units".split()


def load_network(path: Path, config: TrainingConfig, other: Path) -> SigmoidBeliefNetwork:
    """Loads a network, which must be whole and of this run.

    Args:
        path: A `.keras` file.
        config: The settings of the run.
        other: File of the run's other network, if there is one: of the best epoch for
            that of the last, and the other way round.

    Returns:
        The network, with its optimizer.

    Raises:
        ValueError: If the file is damaged, or holds something else.
    """
    advice = "Restore it from a copy, or "
    if other.exists():
        advice += f"put the run's other network in its place: {copy_command(other, path)}"
    else:
        advice += "remove it and resume the run, which then begins anew."
    # The list of a ZIP file's members is at its end.
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is damaged: it was cut off, or is no .keras file. {advice}"
        )
    try:
        network = keras.models.load_model(path)
    except Exception as error:  # A file that was changed can fail in any way.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ValueError(
            f"{path} cannot be loaded: it was changed, or written by another version. "
            f"{advice} {reason}"
        ) from error
    _check_is_of_run(network, path, config)
    return network


def _check_is_of_run(network: keras.Model, path: Path, config: TrainingConfig) -> None:
    advice = "it is not of this run. Restore its own, or the run's config.json."
    if not isinstance(network, SigmoidBeliefNetwork):
        raise ValueError(
            f"{path} holds a {type(network).__name__}, not a SigmoidBeliefNetwork: "
            f"{advice}"
        )
    if network.estimator == config.first_estimator:
        config = config.of_epoch(0)
    for name in _SHARED:
        ours, theirs = getattr(config, name), getattr(network, name)
        if ours != theirs:
            raise ValueError(
                f"{path} holds a network with {name}={theirs!r}, where config.json has "
                f"{name}={ours!r}: {advice}"
            )
    if network.optimizer is None:
        raise ValueError(f"{path} holds a network without its optimizer: {advice}")
