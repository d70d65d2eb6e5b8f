"""What is measured of a trained network: `report.json`, and part of a cell's result."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from keras_concrete.evaluation import BoundEstimate
from keras_concrete.experiments.json_files import Number, read_record, write_json

__all__ = ["Estimate", "MeanAndError", "Report"]


@dataclass(frozen=True, kw_only=True)
class MeanAndError:
    """A mean over images, in nats.

    Attributes:
        mean: The mean.
        standard_error: Its standard error, NaN of a single image.
    """

    mean: Number
    standard_error: Number

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f}"


@dataclass(frozen=True, kw_only=True)
class Estimate(MeanAndError):
    """A bound, or minus a bound, estimated by samples of the latent variables.

    Attributes:
        num_samples: Samples for each image.
        effective_sample_size: Mean over images, in samples.
    """

    num_samples: int
    effective_sample_size: Number

    @classmethod
    def of_bound(cls, bound: BoundEstimate) -> Self:
        """The bound without its single images."""
        return cls(
            num_samples=bound.num_samples,
            mean=bound.mean,
            standard_error=bound.standard_error,
            effective_sample_size=bound.effective_sample_size,
        )

    @classmethod
    def of_nll(cls, bound: BoundEstimate) -> Self:
        """Minus the bound, an estimate of the negative log-likelihood."""
        return cls(**{**asdict(cls.of_bound(bound)), "mean": -bound.mean})


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is measured of a trained network, and under which circumstances.

    All bounds are of the discrete graph but `relaxed_bound`, and in nats per image.

    Attributes:
        unit: Of all bounds.
        num_test_images: Test images that were used, from the first.
        relaxed_bound: By the samples of training.
        discrete_bound: By the samples of training.
        integrality_gap: The former less the latter.
        discrete_nll: By the samples of the evaluation.
        base_rate_nll: Of independent pixels at their base rates.
        num_train_images: Training images that were used, from the first.
        train_nll: Their NLL.
        steps: Training steps.
        steps_of_weights: Steps after which the network was as it is: fewer where the best
            epoch was not the last.
        steps_per_second: Of an epoch in the middle; None if no time was kept.
        training_seconds: Of all epochs whose time was kept.
        config: The settings of the run, as they were written: those of an older version
            may have other names.
        versions: Of Python and of packages, by name.
        hardware: The processor and the number of its cores that were used.
    """

    unit: str = "nats per image"
    num_test_images: int
    relaxed_bound: Estimate
    discrete_bound: Estimate
    integrality_gap: MeanAndError
    discrete_nll: Estimate
    base_rate_nll: MeanAndError
    num_train_images: int | None = None
    train_nll: Estimate | None = None
    steps: int
    steps_of_weights: int
    steps_per_second: float | None
    training_seconds: float
    config: dict[str, Any]
    versions: dict[str, str]
    hardware: dict[str, str | int]

    def to_dict(self) -> dict[str, Any]:
        """The content of the report's file: training images only if there are any."""
        content = asdict(self)
        for key in ("num_train_images", "train_nll"):
            if content[key] is None:
                del content[key]
        return content

    def write(self, path: Path) -> None:
        """Writes the JSON file.

        Raises:
            OSError: If it cannot be written.
        """
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the JSON file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is damaged.
        """
        return read_record(cls, path)
