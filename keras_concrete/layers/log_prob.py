"""The layer that scores a node: its log-probability."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_flag, check_num_states
from keras_concrete.layers.current_setting import CurrentTemperature, HasTemperature
from keras_concrete.layers.masks import zero_where_masked
from keras_concrete.layers.origin import FollowingLayer, Origin, check_states
from keras_concrete.layers.shapes import check_node, match
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Shape, Tensor

__all__ = ["ConcreteLogProb", "Score", "unit_log_probs"]


def unit_log_probs(
    estimator: estimators.Estimator,
    binary: bool,
    temperature: Tensor,
    node: Tensor,
    logits: Tensor,
    drawn_logits: Tensor | None,
    training: bool,
) -> Tensor:
    """Scores nodes of either graph.

    Args:
        estimator: What the training graph is trained by.
        binary: Whether units have one logit each.
        temperature: Temperature of a relaxed density.
        node: Float32 nodes.
        logits: Float32 logits of the density or mass.
        drawn_logits: Float32 logits that the nodes were drawn with, or None.
        training: Whether the training graph is meant, or the discrete one.

    Returns:
        The log-probability of each unit, in nats.
    """
    if training:
        unit = estimator.unit(binary)
        return estimator.log_prob(unit, temperature, logits, node, drawn_logits)
    unit = estimator.discrete_unit(binary)
    return unit.discrete(logits).log_prob(unit.discrete_state(node))


class Score(FollowingLayer):
    """Base of layers from a node and logits to a sum over the units.

    Args:
        num_states: 2 for binary units (one logit each), n for units of n states.
        estimator: Name of the gradient estimator, or None for the sampler's.
        sample_axis: Whether axis 1 of the node holds samples.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        num_states: int = 2,
        estimator: str | None = None,
        sample_axis: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(estimator=estimator, **kwargs)
        self.num_states = check_num_states(num_states)
        check_flag("sample_axis", sample_axis)
        self.sample_axis = bool(sample_axis)
        self._binary = num_states == 2
        self.supports_masking = True
        if estimator is not None:
            estimators.get(estimator, self._binary)

    def _follow(self, origin: Origin) -> None:
        super()._follow(origin)
        check_states(self, origin)
        if origin.has_samples and not self.sample_axis:
            raise ValueError(
                f"{origin.layer!r} puts samples on axis 1 (num_samples), over which "
                f"{type(self).__name__} {self.name!r} would sum as over units: pass "
                "sample_axis=True."
            )
        self._check_estimator(origin.estimator)

    def _check_estimator(self, estimator: str) -> None:
        """Refuses or warns of what does not suit an estimator."""

    def _checked_node(self, node: Tensor) -> Tensor:
        unit = self.followed_estimator().unit(self._binary)
        states = unit.node_shape(() if self._binary else (self.num_states,))
        check_node(type(self).__name__, tuple(node.shape), states, self.sample_axis)
        return ops.cast(node, "float32")

    def _logits_shape(self, node: Tensor) -> Any:
        """Shape of the logits that belong to a node, as `ops.shape` gives it."""
        unit = self.followed_estimator().unit(self._binary)
        surplus = len(unit.node_shape(())) if self._binary else 0
        shape = ops.shape(node)
        return shape[: len(shape) - surplus]

    def _matched(self, name: str, logits: Tensor, node: Tensor) -> Tensor:
        like = self._logits_shape(node)
        return match(type(self).__name__, name, logits, "node", like, self.sample_axis)

    def _sum_over_units(
        self, log_probs: Tensor, node_mask: Any, logits_mask: Any
    ) -> Tensor:
        """The sum of the units at time steps that are not masked out."""
        has_samples = self.sample_axis
        # Keras has no mask for an axis of samples: one of the node's is none of steps.
        masks = (logits_mask, None if has_samples else node_mask)
        kept = zero_where_masked(log_probs, *masks, sample_axis=has_samples)
        units = tuple(range(1 + has_samples, len(log_probs.shape)))
        return ops.sum(kept, axis=units) if units else kept

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on only along samples: time steps are summed over."""
        return mask if self.sample_axis else None

    def _spec(self, node: Tensor, **logits: Tensor) -> keras.KerasTensor:
        """Shape and dtype of the sum, once all shapes are checked."""
        self._checked_node(node)
        for name, tensor in logits.items():
            self._matched(name, tensor, node)
        shape = tuple(node.shape)[: 1 + self.sample_axis]
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_states": self.num_states,
            "sample_axis": self.sample_axis,
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class ConcreteLogProb(HasTemperature, Score):
    """Log-probability of a node, summed over the units.

    With `training=True` this is what the estimator makes of it: for `"concrete"` the
    density of the node, `LogitBinaryConcrete` for binary units and `ExpConcrete` for
    others. Otherwise it is the mass of the discrete state, the node rounded.

    Args:
        temperature: Positive number, schedule of training steps or `keras.Variable` (see
            `keras_concrete.schedules`): the temperature of the density. It may differ
            from that of the sampler: the paper gives prior and posterior one each
            (equation 28).
        num_states: 2 for binary units (one logit each), n for units of n states.
        estimator: Name of the gradient estimator. By default that of the sampler whose
            node this is; needed where other layers lie between the two.
        sample_axis: Whether axis 1 of the node holds samples. All axes between it, or the
            batch, and the states are units, over which the score is summed.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        node: What a sampler with `return_node=True` returns besides the state.
        logits: Logits of the density or mass.
        drawn_logits: Logits that the node was drawn with; only the estimator
            `"concrete_analytic_kl"` reads them. Given them, it averages the log-mass over
            what the node was drawn from, in closed form; without them it scores the
            relaxed state. Leave them out where `logits` depend on the node, as those of a
            prior do that is conditioned on a layer drawn after it.
        training: Whether the training graph is meant, or the discrete one.

    Input shape:
        Node `(batch, [num_samples,] *units[, num_states])`; logits of that shape, or
        without the sample axis.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If shapes do not fit, or the node is of another kind of units or of
            another estimator.

    Example:
    >>> import numpy as np
    >>> node, logits = np.ones((2, 5, 3), "float32"), np.zeros((2, 3), "float32")
    >>> log_prob = ConcreteLogProb(0.5, estimator="concrete", sample_axis=True)
    >>> log_prob(node, logits).shape  # 5 samples of 3 units
    TensorShape([2, 5])

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.3.
    """

    def __init__(
        self,
        temperature: schedules.Setting,
        num_states: int = 2,
        estimator: str | None = None,
        sample_axis: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states, estimator, sample_axis, **kwargs)
        temperature = schedules.get("temperature", temperature)
        self._temperature = CurrentTemperature(self, "temperature", temperature)
        if estimator is not None:
            self._check_estimator(estimator)

    def _check_estimator(self, estimator: str) -> None:
        if estimators.get(estimator).convex_when_cold:
            warn_if_too_warm(self.temperature)

    def build(
        self,
        node_shape: Shape,
        logits_shape: Shape,
        drawn_logits_shape: Shape | None = None,
    ) -> None:
        """Adds nothing: the layer has no weights."""

    def call(
        self,
        node: Tensor,
        logits: Tensor,
        drawn_logits: Tensor | None = None,
        training: bool = False,
        node_mask: Tensor | None = None,
        logits_mask: Tensor | None = None,
    ) -> Tensor:
        """Scores the node under the logits."""
        node = self._checked_node(node)
        logits = self._matched("logits", logits, node)
        if drawn_logits is not None:
            drawn_logits = self._matched("drawn_logits", drawn_logits, node)
        log_probs = unit_log_probs(
            self.followed_estimator(),
            self._binary,
            self._temperature.read(training),
            node,
            logits,
            drawn_logits,
            training,
        )
        return self._sum_over_units(log_probs, node_mask, logits_mask)

    def compute_output_spec(
        self,
        node: Tensor,
        logits: Tensor,
        drawn_logits: Tensor | None = None,
        training: bool = False,
        node_mask: Tensor | None = None,
        logits_mask: Tensor | None = None,
    ) -> keras.KerasTensor:
        others = {} if drawn_logits is None else {"drawn_logits": drawn_logits}
        return self._spec(node, logits=logits, **others)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": schedules.serialize(self.temperature),
        }
