"""One network, trained in one way on one data set: a cell of a table of results."""

import re
from dataclasses import dataclass
from typing import Any

from keras_concrete.checks import check_positive
from keras_concrete.networks.notation import parse_architecture

__all__ = ["Cell", "PaperNLL"]

# Names become parts of file names, and are shown on terminals.
_NAME = re.compile(r"[\w~][\w~.+-]*", re.ASCII)


@dataclass(frozen=True)
class PaperNLL:
    """The paper's negative log-likelihoods for one cell, in nats per image.

    Attributes:
        test: Of the test images.
        train: Of the training images.
    """

    test: float
    train: float


@dataclass(frozen=True)
class Cell:
    """One network, trained in one way on one data set.

    Attributes:
        table: The table that it belongs to: a key of `TABLES` or of `STUDIES`.
        data: Name of the data set.
        architecture: The network, in the paper's notation.
        arity: Number of states of a unit.
        num_samples: Number of samples m of the bound in training.
        estimator: Name of the gradient estimator.
        paper: The paper's numbers, or None.
        posterior_temperature: The temperature, if not that of D.5.
        recipe: Name of the settings of the optimiser.
        variant: A word for the settings that follow, or none.
        settings: Those of `TrainingConfig` that are not the recipe's, by name.

    Raises:
        ValueError: If a name holds other characters than letters, digits and `_~.+-`, or
            a number is not positive.

    Example:
    >>> Cell("table1", "mnist", "200H~784V", 4, 5, "concrete").name
    'table1-mnist-200H~784V-4ary-m5-concrete'
    """

    table: str
    data: str
    architecture: str
    arity: int
    num_samples: int
    estimator: str
    paper: PaperNLL | None = None
    posterior_temperature: float | None = None
    recipe: str = "paper"
    variant: str = ""
    settings: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Refuses names that lead out of a folder, and numbers out of range."""
        for field in ("table", "data", "architecture", "estimator", "recipe", "variant"):
            value = getattr(self, field)
            if not _NAME.fullmatch(value) and not (field == "variant" and value == ""):
                raise ValueError(
                    f"Argument `{field}` must be a name of letters, digits and _~.+- "
                    f"that does not begin with a dot. Received: {field}={value!r}"
                )
        check_positive("arity", self.arity, int)
        check_positive("num_samples", self.num_samples, int)
        if self.posterior_temperature is not None:
            check_positive("posterior_temperature", self.posterior_temperature)

    @property
    def name(self) -> str:
        """The cell's name, for files and for choosing cells by a pattern."""
        parts = [self.table, self.data, self.architecture, f"m{self.num_samples}"]
        if self.arity != 2:
            parts.insert(3, f"{self.arity}ary")
        if self.posterior_temperature is not None:
            parts.append(f"t{self.posterior_temperature:g}")
        parts.append(self.estimator)
        return "-".join([*parts, self.variant] if self.variant else parts)

    @property
    def is_conditional(self) -> bool:
        """Whether the cell is one of structured prediction (section 5.3)."""
        return parse_architecture(self.architecture).context_units is not None

    @property
    def evaluation_samples(self) -> int:
        """Samples by which the paper evaluated."""
        return 100 if self.is_conditional else 50_000
