"""What an estimator decides: the training graph of a unit, and a surrogate for the bound.

The discrete graph, outside training, is the same for all of them.
"""

import abc
from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete.estimators.surrogate import Surrogate
from keras_concrete.types import Shape, Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = [
    "Estimator",
    "LinearScore",
    "RelaxedEstimator",
    "beside_samples",
    "check_first_draw",
    "check_sample_axis",
    "linear_log_mass",
    "rows_of",
]


class Estimator(abc.ABC):
    """A way to estimate the gradient of the bound.

    The methods say what happens under `training=True`. Tensors are float32. To write one
    of your own, derive from this class, or from `RelaxedEstimator` for states that
    gradients flow through, give it a `name`, and `register` an instance.

    Attributes:
        name: The word users write.
        surrogate: Class of the surrogate for the bound.
        pathwise: Whether the gradient of the posterior flows through the states under any
            loss. If not, it comes from the surrogate, and the model has to end in
            `MultiSampleBound`.
        binary_only: Whether it is for binary units only.
        reads_drawn_logits: Whether `log_prob` reads the logits that a node was drawn
            with.
        reads_conditions: Whether the surrogate reads what layers are conditioned on.
        reads_first_draw: Whether it reads, in place of conditions, the logits and the
            node of the layer that is drawn first: `[logits, node]`.
        pairs_first_draw: Whether it pairs the samples of that layer, beside which then no
            other may draw from what all samples share.
        is_unbiased: Whether the gradient has no bias for its objective in the discrete
            graph; that of `"nvil"` has none but for its scale.
        objective: What the gradient follows on the mean where m samples are drawn, if it
            has no bias: `"bound"`, L_m; or `"mean ELBO"`, that of the m samples.
        signals_only: Whether log q has its gradient from learning signals only, and the
            gradient of log q's own value, 0 on the mean, is left out.
        convex_when_cold: Whether training has relaxed states whose density has no mode in
            the interior of the simplex once the temperature is low enough (Propositions
            1d and 2d), so that higher temperatures deserve a warning.
        rows_per_sample: How many rows of the sample axis the training graph has for each
            sample. The samples come first; what the others are is up to the estimator.
        rows_besides: How many more rows there are, whatever the number of samples.
    """

    name: ClassVar[str]
    surrogate: ClassVar[type[Surrogate]] = Surrogate
    pathwise: ClassVar[bool] = True
    binary_only: ClassVar[bool] = False
    reads_drawn_logits: ClassVar[bool] = False
    reads_conditions: ClassVar[bool] = False
    reads_first_draw: ClassVar[bool] = False
    pairs_first_draw: ClassVar[bool] = False
    is_unbiased: ClassVar[bool] = False
    objective: ClassVar[str] = "bound"
    signals_only: ClassVar[bool] = False
    convex_when_cold: ClassVar[bool] = False
    rows_per_sample: ClassVar[int] = 1
    rows_besides: ClassVar[int] = 0

    def unit(self, binary: bool) -> "Unit":
        """The circuit and densities of a unit in the training graph.

        By default the paper's.

        Args:
            binary: Whether the unit has one logit, or one for each of its states.
        """
        # Here and not above: TFP takes a second to import.
        from keras_concrete.distributions.units import standard_unit

        return standard_unit(binary)

    def decoder_evaluations(self, num_samples: int) -> int:
        """Evaluations of p(x given z) for each image of a training step.

        Args:
            num_samples: Number of samples m of the bound.
        """
        return self.rows_per_sample * num_samples + self.rows_besides

    @property
    def adds_rows(self) -> bool:
        """Whether the sample axis holds more than samples in training."""
        return self.rows_per_sample > 1 or self.rows_besides > 0

    def samples_of(self, terms: list[Tensor]) -> list[Tensor]:
        """Of terms of the training graph, the rows that are samples.

        Args:
            terms: Tensors `(batch, rows)`, or `(batch,)` where no rows are added.

        Returns:
            Tensors `(batch, num_samples)`, or the terms as they are.
        """
        if not self.adds_rows:
            return terms
        num_samples = self.num_samples_of(ops.shape(terms[0])[1])
        return [term[:, :num_samples] for term in terms]

    def num_samples_of(self, rows: Any) -> Any:
        """How many of so many rows of the training graph are samples."""
        return (rows - self.rows_besides) // self.rows_per_sample

    def discrete_unit(self, binary: bool) -> "Unit":
        """The circuit and masses of a unit in the discrete graph."""
        return self.unit(binary)

    def noise(self, unit: "Unit", shape: Shape, key: Tensor) -> Any:
        """Draws what `node` combines with logits of that shape, for the samples."""
        if self.adds_rows:
            shape = (shape[0], self.num_samples_of(shape[1]), *shape[2:])
        return unit.noise(shape, key)

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """Combines logits and noise to the value on which densities are evaluated."""
        return unit.node(logits, noise, temperature)

    @abc.abstractmethod
    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """Makes the state that flows downstream."""

    @abc.abstractmethod
    def log_prob(
        self,
        unit: "Unit",
        temperature: Tensor,
        logits: Tensor,
        node: Tensor,
        drawn_logits: Tensor | None,
    ) -> Tensor:
        """Scores a node.

        Args:
            unit: The circuit.
            temperature: Temperature of the density.
            logits: Logits of the density.
            node: The node, drawn from the posterior.
            drawn_logits: Logits that the node was drawn with, or None where they are not
                known, or `logits` depend on the node.

        Returns:
            Log-probability of each unit.
        """


class RelaxedEstimator(Estimator):
    """An estimator whose training states are relaxed, and scored by their density."""

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """Makes the relaxed state."""
        return unit.relaxed_state(node)

    def log_prob(
        self,
        unit: "Unit",
        temperature: Tensor,
        logits: Tensor,
        node: Tensor,
        drawn_logits: Tensor | None,
    ) -> Tensor:
        """The log-density of the node."""
        return unit.relaxed(temperature, logits).log_prob(node)


class LinearScore(Estimator):
    """An estimator that scores states by their log-mass, linearly continued (eq. 21)."""

    def log_prob(
        self,
        unit: "Unit",
        temperature: Tensor,
        logits: Tensor,
        node: Tensor,
        drawn_logits: Tensor | None,
    ) -> Tensor:
        """Weighs the log-masses with the state."""
        return linear_log_mass(unit, self.state(unit, node), logits)


def linear_log_mass(unit: "Unit", state: Tensor, logits: Tensor) -> Tensor:
    """Sum over the states i of state_i log P_i: equation 21, linear in the state."""
    return ops.sum(unit.masses(state) * unit.log_masses(logits), axis=-1)


def beside_samples(logits: Tensor, node: Tensor) -> Tensor:
    """Logits that all samples share, with a row for them where the node has rows."""
    return logits if len(logits.shape) == len(node.shape) else ops.expand_dims(logits, 1)


def rows_of(logits: Tensor, start: Any, stop: Any) -> Tensor:
    """Rows of the sample axis; logits that all samples share stay as they are."""
    return logits if logits.shape[1] == 1 else logits[:, start:stop]


def check_first_draw(estimator: str, conditions: list) -> None:
    """Refuses conditions that are not the logits and node of the layer drawn first.

    Args:
        estimator: Name of the estimator.
        conditions: As a surrogate is built with.

    Raises:
        ValueError: If there are not two.
    """
    if len(conditions) != 2:
        raise ValueError(
            f"The estimator {estimator!r} reads the logits and the noise of units one by "
            "one. Call MultiSampleBound on the triple (log_joint, log_posterior, "
            "[logits, node]), with the logits and the node of the sampler that is drawn "
            "first, whose term comes first in log_posterior, or use 'reinforce_loo', "
            f"which needs none. Received: {len(conditions)} conditions"
        )


def check_sample_axis(estimator: str, shape: Shape) -> None:
    """Refuses what has no sample axis, for estimators that add rows to it.

    Args:
        estimator: Name of the estimator.
        shape: Shape of terms, or of logits without their last axis of units.

    Raises:
        ValueError: If the shape has no second axis.
    """
    if len(shape) < 2:
        raise ValueError(
            f"The estimator {estimator!r} adds rows to the sample axis in training: give "
            "the sampler `num_samples`, 1 or more, and pass sample_axis=True to the "
            "layers that score and to samplers that read its samples. Received: no axis "
            "of samples between the examples and the units"
        )
