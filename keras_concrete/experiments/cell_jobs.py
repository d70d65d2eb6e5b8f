"""Cells of the paper's grid as jobs: how much of each to run, and its files.

A finished cell has its file in `OUT/TABLE/`; its run folder is in `OUT/runs/`. Killed at
any moment and started again, each cell goes on after its last full epoch. Evaluated by
other numbers of samples or test images, it has another file, and is not trained again.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from keras_concrete.checks import check_not_negative, check_positive, check_seed
from keras_concrete.datasets import load_dataset
from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.cell_result import CellResult, Curve
from keras_concrete.experiments.fitting import resume_fit, start_fit
from keras_concrete.experiments.measurement import measure_run
from keras_concrete.experiments.new_network import largest_divisor
from keras_concrete.experiments.recipes import recipe_settings
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.files import check_no_link

__all__ = ["Budget", "Job", "in_whole_epochs", "most_epochs", "run_cell"]

# A cell is validated and saved up to 50 times, but not more often than this.
_EPOCHS = 50
_STEPS_BETWEEN = 100
# Of these at least one in so many, where the steps have few divisors.
_FEWEST_OF_MOST = 5


@dataclass(frozen=True)
class Budget:
    """How much of a cell to run.

    Attributes:
        steps: Training steps of 64 images, which can be cut into epochs of one length.
        evaluation_samples: Samples K of the NLL; None for 1,000, or what the paper took
            where that is less.
        num_test_images: Test images, from the first; None for all.
        num_train_images: Training images whose NLL is reported, from the first. A result
            that is there stays as it is: to have it anew, remove its file.
        seed: Integer for weights, noise and the order of the data.
    """

    steps: int = 100_000
    evaluation_samples: int | None = None
    num_test_images: int | None = None
    num_train_images: int = 2_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what would fail later."""
        check_positive("steps", self.steps, int)
        most = most_epochs(self.steps)
        if largest_divisor(self.steps, most) * _FEWEST_OF_MOST < most:
            down = in_whole_epochs(self.steps)
            raise ValueError(
                "Argument `steps` must be a number that can be cut into epochs of one "
                "length, after which a run that was stopped goes on. Received: "
                f"steps={self.steps}. Take {down} or {down + most}"
            )
        for name in ("evaluation_samples", "num_test_images"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), int)
        check_not_negative("num_train_images", self.num_train_images, int)
        check_seed(self.seed)

    @property
    def evaluation(self) -> str:
        """For the name of a file: what is not the usual about the evaluation."""
        parts = {"samples": self.evaluation_samples, "images": self.num_test_images}
        return "".join(f"-{number}{what}" for what, number in parts.items() if number)


class Job:
    """A cell with its budget and files.

    Args:
        cell: The cell.
        budget: How much of it to run.
        out: Folder of all results.
    """

    def __init__(self, cell: Cell, budget: Budget, out: Path) -> None:
        self.cell = cell
        self.budget = budget
        self.name = f"{cell.name}-{budget.steps}steps-seed{budget.seed}"
        self.result_file = out / cell.table / f"{self.name}{budget.evaluation}.json"
        self.folder = RunFolder(out / "runs" / self.name)
        self.log_file = out / "runs" / f"{self.name}.log"
        self.failed = False

    @property
    def num_epochs(self) -> int:
        """Epochs that the steps are cut into, all of one length."""
        steps = self.budget.steps
        return largest_divisor(steps, most_epochs(steps))

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return self.result_file.exists()

    @property
    def has_ended(self) -> bool:
        """Whether the result is there, or never will be."""
        return self.is_done or self.failed

    @property
    def evaluation_samples(self) -> int:
        """Samples K of the NLL."""
        most = min(1_000, self.cell.evaluation_samples)
        return self.budget.evaluation_samples or most

    @property
    def remedy(self) -> str:
        """What to do about a result that is damaged, or not of the run."""
        return (
            f"Remove {self.result_file} and run the command again: the cell is then "
            "evaluated anew, and not trained again."
        )

    def epochs_done(self) -> int:
        """Full epochs so far."""
        return self.folder.num_epochs()

    def result(self) -> CellResult:
        """Reads the result.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it is damaged.
        """
        try:
            return CellResult.read(self.result_file)
        except ValueError as error:
            raise ValueError(f"{error} {self.remedy}") from error

    def check_no_links(self) -> None:
        """Refuses links where the job's files go.

        Raises:
            ValueError: If there is a link.
        """
        for path in (self.result_file, self.log_file, self.folder.path):
            check_no_link(path.parent)
            check_no_link(path)

    def config(self) -> TrainingConfig:
        """The cell's settings, over the budget's steps."""
        cell, budget = self.cell, self.budget
        settings = {
            "posterior_temperature": cell.posterior_temperature,
            "batch_size": 64,
            **recipe_settings(cell.recipe, cell.architecture),
            **dict(cell.settings),
        }
        return TrainingConfig(
            architecture=cell.architecture,
            data=cell.data,
            arity=cell.arity,
            num_samples=cell.num_samples,
            estimator=cell.estimator,
            epochs=self.num_epochs,
            steps_per_epoch=budget.steps // self.num_epochs,
            evaluation_samples=self.evaluation_samples,
            seed=budget.seed,
            **settings,
        )


def most_epochs(steps: int) -> int:
    """Epochs that so many steps are cut into, if they can be.

    Args:
        steps: Training steps.

    Example:
    >>> most_epochs(13_333), most_epochs(250)
    (50, 2)
    """
    return max(1, min(_EPOCHS, steps // _STEPS_BETWEEN))


def in_whole_epochs(steps: int) -> int:
    """The most steps, of so many, that can be cut into `most_epochs`.

    Args:
        steps: Training steps.

    Example:
    >>> in_whole_epochs(13_333)
    13300
    """
    return steps - steps % most_epochs(steps)


def run_cell(job: Job, command: str) -> None:
    """Trains a cell to its last step, evaluates it and writes its result.

    Args:
        job: The cell, new or stopped.
        command: The command line that asked for it, for the record.

    Raises:
        BlockingIOError: If another process is at it.
        ValueError: If the job's run folder holds a run of other settings, or is damaged.
    """
    budget, folder = job.budget, job.folder
    data = load_dataset(job.cell.data)
    with folder.locked():
        if job.is_done:  # By another command, meanwhile.
            return
        if folder.config_file.exists():
            _check_settings(job)
            model = resume_fit(folder, data)
        else:
            model = start_fit(folder, job.config(), data)
        report = measure_run(
            folder,
            model,
            data,
            budget.num_test_images,
            budget.num_train_images,
            job.evaluation_samples,
        )
        history, steps = folder.history(), folder.config().num_steps(len(data.train))
        curve = Curve(
            [int(epoch + 1) * steps for epoch in history.get("epoch", [])],
            history.get("bound", []),
            history.get("val_bound", []),
        )
        job.result_file.parent.mkdir(parents=True, exist_ok=True)
        result = CellResult(cell=job.cell, command=command, curve=curve, **vars(report))
        result.write(job.result_file)


def _check_settings(job: Job) -> None:
    """Refuses a run of other settings, but for the samples of its evaluation."""
    found, wanted = job.folder.config(), job.config()
    found = replace(found, evaluation_samples=wanted.evaluation_samples)
    if found != wanted:
        raise ValueError(
            f"{job.folder.config_file} is of another run than {job.name}: {found}, where "
            f"{wanted} was wanted. Move its folder away, or name another with --out."
        )
