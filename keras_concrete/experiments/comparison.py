"""One network under several estimators, with the same data and seeds: its cells."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_concrete import estimators
from keras_concrete.checks import check_choice, check_positive
from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.cell_jobs import Budget, Job, in_whole_epochs
from keras_concrete.experiments.recipes import RECIPES
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["MATCHES", "Comparison"]

MATCHES = ("steps", "evaluations")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One network or more under several estimators, with the same data and seeds.

    All end with the weights of their best epoch on the validation images.

    Attributes:
        architectures: Networks, in the paper's notation.
        estimators: Names of at least two estimators; the others are set beside the first.
        data: Name of the data set.
        arity: Number of states of a latent unit.
        num_samples: Number of samples m of the bound in training.
        num_seeds: Each cell is trained with the seeds 0, 1, ....
        recipe: Name of the settings of the optimiser.
        match: `"steps"`: all take the same number of steps. `"evaluations"`: all evaluate
            p(x given z) as often, so that one that does it more than m times for an image
            takes fewer steps.

    Raises:
        ValueError: If an estimator is not for units of that arity, or for that many
            samples, or if there is nothing to compare.
    """

    architectures: tuple[str, ...]
    estimators: tuple[str, ...]
    data: str
    arity: int = 2
    num_samples: int
    num_seeds: int
    recipe: str = RECIPES[0]
    match: str = "steps"

    def __post_init__(self) -> None:
        """Refuses what would fail in the first step of a cell, hours later."""
        check_positive("num_seeds", self.num_seeds, int)
        check_choice("match", self.match, MATCHES)
        for name in ("architectures", "estimators"):
            given = getattr(self, name)
            least = 2 if name == "estimators" else 1
            if len(set(given)) != len(given) or len(given) < least:
                raise ValueError(
                    f"Argument `{name}` must hold {least} names or more, each once. "
                    f"Received: {name}={given}"
                )
        for architecture in self.architectures:
            for name in self.estimators:
                SigmoidBeliefNetwork(
                    architecture,
                    arity=self.arity,
                    num_samples=self.num_samples,
                    estimator=name,
                )

    def name(self, budget: Budget) -> str:
        """For the names of files: another for all other settings.

        Args:
            budget: How much of a cell to run.
        """
        settings = json.dumps([asdict(self), asdict(budget)], sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
        networks = "+".join(self.architectures)
        parts = ["comparison", self.data, networks, f"m{self.num_samples}"]
        return "-".join([*parts, f"{budget.steps}steps", digest])

    def jobs(self, budget: Budget, out: Path) -> list[Job]:
        """The cells as jobs: all networks and estimators with one seed, then the next.

        Args:
            budget: How much of a cell to run; its seed is not read.
            out: Folder of all results.

        Returns:
            A job for each network, estimator and seed.
        """
        return [
            Job(
                self._cell(architecture, name),
                Budget(
                    self._steps(budget.steps, name),
                    budget.evaluation_samples,
                    budget.num_test_images,
                    budget.num_train_images,
                    seed,
                ),
                out,
            )
            for seed in range(self.num_seeds)
            for architecture in self.architectures
            for name in self.estimators
        ]

    def _cell(self, architecture: str, estimator: str) -> Cell:
        return Cell(
            "compare",
            self.data,
            architecture,
            self.arity,
            self.num_samples,
            estimator,
            recipe=self.recipe,
            variant="" if self.recipe == RECIPES[0] else self.recipe,
            # By default score-function estimators only end with their best weights.
            settings=(("restore_best_weights", True),),
        )

    def _steps(self, steps: int, name: str) -> int:
        if self.match == "steps":
            return steps
        evaluations = estimators.get(name).decoder_evaluations(self.num_samples)
        fewer = max(1, steps * self.num_samples // evaluations)
        # As many epochs as others have, so that the best is chosen among as many.
        return in_whole_epochs(fewer)
