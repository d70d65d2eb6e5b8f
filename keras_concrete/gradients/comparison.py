"""Gradients of several estimators, each against the reference of its own objective."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import estimators
from keras_concrete.exact import MAX_STATES, exact_bound, num_joint_states
from keras_concrete.gradients.clones import (
    clone_with,
    mean_bound,
    network_parts,
    network_weights,
    settle,
)
from keras_concrete.gradients.moments import (
    GradientMoments,
    compiled_moments,
    draw_moments,
    draws_of_block,
)
from keras_concrete.gradients.rows import GradientRow
from keras_concrete.gradients.statistics import NUM_BLOCKS, gradient_statistics
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.noise import fold_in_integers
from keras_concrete.programs import gradients
from keras_concrete.types import Tensor

__all__ = ["Comparison"]

# Of a run without bias that stands for the exact gradient.
_LONGER = 4
_SAMPLES_OF_ELBO = 16


class Comparison:
    """Draws gradients of clones, and compares them with references, drawn once each.

    Args:
        model: The network whose weights the clones have.
        x: Its data, tensors.
        num_draws: Gradients of each clone.
        seed: Integer, of which alone the noise is a function.
        jit_compile: Whether XLA compiles the steps.

    Attributes:
        names: What the reference of each objective is.
    """

    def __init__(
        self,
        model: SigmoidBeliefNetwork,
        x: Any,
        num_draws: int,
        seed: int,
        jit_compile: bool,
    ) -> None:
        self._model, self._x = model, x
        self._num_draws, self._seed, self._jit_compile = num_draws, seed, jit_compile
        self._references: dict[tuple, list[np.ndarray]] = {}
        self.names: dict[str, str] = {}

    def check(self, clone: SigmoidBeliefNetwork) -> None:
        """Refuses a clone that nothing can be compared with.

        Args:
            clone: The network with another estimator.

        Raises:
            ValueError: If there is no reference for its estimator.
        """
        name = _long_run_of(clone)
        if _is_listed(clone) or (
            _masses(name, clone.arity) == _masses(clone.estimator, clone.arity)
        ):
            return
        raise ValueError(
            f"The estimator {clone.estimator!r} has discrete units of its own, whose "
            f"gradient no long run of {name!r} tells: compare it on a network whose "
            "joint states can be listed."
        )

    def rows(self, clone: SigmoidBeliefNetwork) -> list[GradientRow]:
        """Draws gradients of a clone; returns a row for each part.

        Args:
            clone: The network with another estimator, which was checked.
        """
        estimator = estimators.get(clone.estimator)
        reference = self._reference(clone)
        if clone.estimator != self._model.estimator:
            settle(clone, self._x, self._jit_compile)
        moments = self._draw(clone, self._num_draws, self._seed, reference)
        return [
            GradientRow(
                clone.estimator,
                estimator.objective,
                part,
                *gradient_statistics(moments, reference, members, place),
                moments.milliseconds,
            )
            for place, (part, members) in enumerate(network_parts(clone).items())
        ]

    def _draw(
        self,
        clone: SigmoidBeliefNetwork,
        num_draws: int,
        seed: int,
        reference: list[np.ndarray] | None = None,
    ) -> GradientMoments:
        weights, parts = network_weights(clone), network_parts(clone)
        membership = np.zeros((len(parts), len(weights)))
        for place, members in enumerate(parts.values()):
            membership[place, members] = 1
        shapes = [tuple(weight.shape) for weight in weights]
        directions = [np.zeros(shape) for shape in shapes]
        if reference is not None:
            means = [blocks.mean(axis=0) for blocks in reference]
            directions = [m.reshape(s) for m, s in zip(means, shapes, strict=True)]
        run = compiled_moments(
            clone,
            lambda: mean_bound(clone, self._x),
            weights,
            membership,
            self._jit_compile,
        )
        return draw_moments(run, seed, num_draws, NUM_BLOCKS, directions)

    def _reference(self, clone: SigmoidBeliefNetwork) -> list[np.ndarray]:
        """The gradient of the clone's own objective, in blocks, for each weight."""
        estimator = estimators.get(clone.estimator)
        key = (estimator.objective, _masses(clone.estimator, clone.arity))
        if key not in self._references:
            if _is_listed(clone):
                name, blocks = "exact", self._exact(clone, _samples_to_list(clone))
            else:
                name, blocks = self._long_run(clone)
            self._references[key] = blocks
            self.names[estimator.objective] = name
        return self._references[key]

    def _exact(self, clone: SigmoidBeliefNetwork, num_samples: int) -> list[np.ndarray]:
        weights = network_weights(clone)

        def gradient(x: Any) -> list[Tensor]:
            return gradients(
                lambda: ops.sum(exact_bound(clone, x, num_samples)), weights, clone
            )

        # As many examples at once as have the rows of one network at the limit.
        chunk = max(1, MAX_STATES // num_joint_states(clone) ** num_samples)
        num_examples = len(keras.tree.flatten(self._x)[0])
        total = [np.zeros(weight.shape) for weight in weights]
        for start in range(0, num_examples, chunk):
            rows = slice(start, start + chunk)
            x = keras.tree.map_structure(lambda part, rows=rows: part[rows], self._x)
            total = [a + np.asarray(b) for a, b in zip(total, gradient(x), strict=True)]
        flat = [np.ravel(part) / num_examples for part in total]
        return [np.broadcast_to(part, (NUM_BLOCKS, part.size)) for part in flat]

    def _long_run(self, clone: SigmoidBeliefNetwork) -> tuple[str, list[np.ndarray]]:
        name = _long_run_of(clone)
        num_samples = _SAMPLES_OF_ELBO if _follows_elbo(clone) else clone.num_samples
        unbiased = clone_with(self._model, name, num_samples, self._seed)
        num_draws = _LONGER * self._num_draws
        moments = self._draw(unbiased, num_draws, fold_in_integers(self._seed, 1))
        size = NUM_BLOCKS * draws_of_block(num_draws, NUM_BLOCKS)
        return f"{name}, {num_samples} samples, {size} draws", moments.means


def _follows_elbo(clone: SigmoidBeliefNetwork) -> bool:
    objective = estimators.get(clone.estimator).objective
    return objective == "mean ELBO" or clone.num_samples == 1


def _samples_to_list(clone: SigmoidBeliefNetwork) -> int:
    return 1 if _follows_elbo(clone) else clone.num_samples


def _is_listed(clone: SigmoidBeliefNetwork) -> bool:
    """Whether all joint states of the samples can be listed."""
    return bool(num_joint_states(clone) ** _samples_to_list(clone) <= MAX_STATES)


def _long_run_of(clone: SigmoidBeliefNetwork) -> str:
    """The estimator whose long run is the reference beyond."""
    return "reinforce_loo" if _follows_elbo(clone) else "vimco"


def _masses(estimator: str, arity: int) -> bytes:
    """Log-masses of a discrete unit at some logits, which tell units apart."""
    unit = estimators.get(estimator).discrete_unit(arity == 2)
    logits = np.linspace(0.7, -2.0, 1 if arity == 2 else arity)
    log_masses = np.asarray(unit.log_masses(ops.cast(logits, "float32")))
    return bytes(log_masses.round(4).tobytes())
