"""What a gradient report holds."""

from dataclasses import dataclass

__all__ = ["GradientReport", "GradientRow"]


@dataclass(frozen=True)
class GradientRow:
    """What one estimator does to one part of the gradient of the mean over the examples.

    Lengths are in nats per unit of the weights. An `error` is a standard error.

    Attributes:
        estimator: Its name.
        objective: What the reference is the gradient of: `"bound"`, the discrete L_m, or
            `"mean ELBO"`, where the estimator follows that.
        part: `"all"`; `"posterior"` and `"prior and likelihood"`; and each function
            between two layers, such as `"posterior_1"`.
        reference_norm: Length of the reference.
        bias: Distance of the mean gradient from the reference; 0 where noise alone would
            make a larger one.
        bias_low: Lower end of its 95% interval: above 0, there is a bias, but for false
            alarms, 2.5% of the rows without one.
        bias_high: Upper end.
        variance: Of the gradient of one step, summed over its elements.
        variance_error: Of that.
        mean_cosine: Of the angle between the mean gradient and the reference. What noise
            adds to the lengths is taken off, so that it may exceed 1 by a little.
        mean_cosine_error: Of that.
        draw_cosine: The same of the gradient of a single step, on the mean.
        draw_cosine_error: Of that.
        signal_to_noise: Length of the mean gradient over the root of the variance.
        signal_to_noise_error: Of that.
        milliseconds: A step, forward and backward, of all parts.
    """

    estimator: str
    objective: str
    part: str
    reference_norm: float
    bias: float
    bias_low: float
    bias_high: float
    variance: float
    variance_error: float
    mean_cosine: float
    mean_cosine_error: float
    draw_cosine: float
    draw_cosine_error: float
    signal_to_noise: float
    signal_to_noise_error: float
    milliseconds: float


@dataclass(frozen=True)
class GradientReport:
    """Several estimators compared: `pandas.DataFrame(report.rows)` makes a table of them.

    Attributes:
        rows: One for each estimator and part.
        num_draws: Gradients drawn of each estimator.
        num_samples: Samples m of each draw.
        references: For each objective what its reference is: `"exact"`, by enumeration,
            or an estimator without bias and its number of draws.
        skipped: Estimators that are not for this network, and why.
    """

    rows: list[GradientRow]
    num_draws: int
    num_samples: int
    references: dict[str, str]
    skipped: dict[str, str]

    def part(self, name: str = "all") -> list[GradientRow]:
        """The rows of one part, one for each estimator."""
        return [row for row in self.rows if row.part == name]
