"""Layers that score a node: its log-probability, and the KL term of the objective."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_choice, check_num_states, check_positive
from keras_concrete.layers.nodes import Thermostat, check_inputs, match_node
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Tensor

__all__ = ["ConcreteLogProb", "RelaxedKL"]

# The estimators that score nodes as the objectives of section C.2 do.
_SCORED_AS = {
    "relaxed": None,
    "relaxed_mass": "gumbel_softmax",
    "analytic": "concrete_analytic_kl",
}


class _Score(keras.layers.Layer):
    """A layer from several inputs, the node first, to a float32 sum over the units."""

    def __init__(
        self, num_states: int = 2, estimator: str = "concrete", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_states = check_num_states(num_states)
        self._estimator = estimators.get(estimator, num_states == 2)
        self.estimator = estimator
        self.autocast = False

    def _unit_shape(self) -> tuple[int, ...]:
        """Shape of the logits of one unit."""
        return () if self.num_states == 2 else (self.num_states,)

    def _node_shape(self) -> tuple[int, ...]:
        """Shape of the node of one unit."""
        unit = self._estimator.unit(binary=self.num_states == 2)
        return unit.node_shape(self._unit_shape())

    def compute_output_spec(
        self, inputs: tuple[Tensor, ...], training: bool = False
    ) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        axes = 1 + len(self._node_shape())
        return keras.KerasTensor(tuple(inputs[0].shape)[:-axes], dtype="float32")

    def _checked_node(self, node: Tensor) -> Tensor:
        shape, event = tuple(node.shape), self._node_shape()
        if len(shape) < 2 + len(event) or shape[len(shape) - len(event) :] != event:
            axes = ", ".join(["units", *map(str, event)])
            raise ValueError(
                f"{type(self).__name__} with num_states={self.num_states} expects a "
                f"node of shape (batch, [num_samples,] {axes}). "
                f"Received: node.shape={shape}"
            )
        return ops.cast(node, "float32")

    def _logits(self, name: str, logits: Tensor, node: Tensor) -> Tensor:
        """Logits, with the sample axis that the node has."""
        surplus = len(self._node_shape()) - len(self._unit_shape())
        return match_node(name, logits, node[(..., *[0] * surplus)])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_states": self.num_states,
            "estimator": self.estimator,
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class ConcreteLogProb(_Score):
    """Log-probability of a node, summed over the units.

    With `training=True` this is what the estimator makes of it: for `"concrete"` the
    density of the node, `LogitBinaryConcrete`, or `ExpConcrete` for `num_states` above
    2. Otherwise it is the mass of the discrete state, the node rounded.

    Args:
        temperature: Positive number, or a schedule of training steps (see
            `keras_concrete.schedules`): the temperature of the density. It may differ
            from that of the sampler: the paper gives prior and posterior one each
            (equation 28). Held in the weight `current_temperature`.
        num_states: 2 for binary units (one logit each), n for units of n states.
        estimator: Name of the gradient estimator that the model trains with: the same
            as the sampler's.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The pair `(node, logits)`; or the triple `(node, logits, drawn_logits)`
            with the logits that the node was drawn with, which only the estimator
            `"concrete_analytic_kl"` reads, by default `logits`.
        training: Whether the training graph is meant, or the discrete one.

    Input shape:
        Node `(batch, [num_samples,] units[, num_states])`; logits of that shape, or
        without the sample axis.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If the logits would broadcast against the node in any other way.

    Example:
    >>> import numpy as np
    >>> log_prob = ConcreteLogProb(temperature=0.5)
    >>> node, logits = np.ones((2, 5, 3), "float32"), np.zeros((2, 3), "float32")
    >>> log_prob((node, logits)).shape
    TensorShape([2, 5])

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.3.
    """

    def __init__(
        self,
        temperature: schedules.Temperature,
        num_states: int = 2,
        estimator: str = "concrete",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states=num_states, estimator=estimator, **kwargs)
        self.temperature = schedules.get("temperature", temperature)
        if self._estimator.convex_when_cold:
            warn_if_too_warm(self.temperature)

    def build(self, input_shape: Any) -> None:
        """Adds the temperature, a weight that does not train."""
        check_inputs(self, input_shape, "node", "logits", "drawn_logits?")
        self._thermostat = Thermostat(self, self.temperature)
        self.current_temperature = self._thermostat.current

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> Tensor:
        """Scores the node under the logits."""
        node = self._checked_node(inputs[0])
        logits = self._logits("logits", inputs[1], node)
        binary = self.num_states == 2
        if training:
            drawn_logits = self._logits("drawn_logits", inputs[-1], node)
            log_probs = self._estimator.log_prob(
                self._estimator.unit(binary),
                self._thermostat.read(training),
                logits,
                node,
                drawn_logits,
            )
        else:
            unit = self._estimator.discrete_unit(binary)
            log_probs = unit.discrete(logits).log_prob(unit.discrete_state(node))
        return ops.sum(log_probs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "temperature": schedules.serialize(self.temperature),
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class RelaxedKL(_Score):
    """One sample of the KL term, log q(z) - log p(z), summed over the units.

    In the relaxed graph q and p are the densities of the node (equation 20), the only
    choice that keeps the objective a lower bound; with `training=False` they are the
    masses of the discrete state. Its mean over samples estimates KL(q, p). `fit` and
    `evaluate` report the mean over the batch under the name of the layer: call it `kl`.

    Args:
        posterior_temperature: Number or schedule, the temperature of the sampler.
        prior_temperature: Number or schedule, that of the prior's density.
        num_states: 2 for binary units (one logit each), n for units of n states.
        objective: Which of the paper's three terms to use in training. `"relaxed"`:
            equation 20. `"relaxed_mass"`: equation 21, the discrete log-masses weighted
            with the relaxed state (the objective of Jang et al.'s Gumbel-Softmax).
            `"analytic"`: equation 22, the discrete KL in closed form, in both graphs.
            The last two are not bounds in the relaxed graph. The Concrete relaxation
            only.
        loss_weight: If given, the mean over the batch, times this, is added to the
            losses of the model: the one-line KL for a model of your own. Make the
            output of this layer one of the model's outputs, or Keras leaves the layer
            out of a functional model.
        estimator: Name of the gradient estimator: the same as the sampler's. Its
            gradient must flow through the states.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The triple `(node, posterior_logits, prior_logits)`.
        training: Whether the relaxed graph is meant.

    Input shape:
        Node `(batch, [num_samples,] units[, num_states])`; logits of that shape, or
        without the sample axis.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If logits would broadcast against the node in any other way.

    Example:
    >>> import numpy as np
    >>> kl = RelaxedKL(posterior_temperature=2 / 3, prior_temperature=1 / 2, name="kl")
    >>> node, logits = np.ones((2, 5, 3), "float32"), np.zeros((2, 3), "float32")
    >>> kl((node, logits, logits)).numpy().max()  # discrete graph, equal masses
    np.float32(0.0)

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.2.
    """

    def __init__(
        self,
        posterior_temperature: schedules.Temperature,
        prior_temperature: schedules.Temperature,
        num_states: int = 2,
        objective: str = "relaxed",
        loss_weight: float | None = None,
        estimator: str = "concrete",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states=num_states, estimator=estimator, **kwargs)
        check_choice("objective", objective, tuple(_SCORED_AS))
        if loss_weight is not None:
            check_positive("loss_weight", loss_weight)
        if not self._estimator.pathwise:
            raise ValueError(
                f"No gradient flows through the states of the estimator {estimator!r}, "
                "so that a KL term alone cannot train them: end the model in "
                "MultiSampleBound, or choose another estimator, such as 'concrete'."
            )
        if objective != "relaxed" and estimator != "concrete":
            raise ValueError(
                f"Argument `objective` must be 'relaxed' with estimator={estimator!r}, "
                f"which has a score of its own. Received: objective={objective!r}"
            )
        self.posterior_temperature = schedules.get(
            "posterior_temperature", posterior_temperature
        )
        self.prior_temperature = schedules.get("prior_temperature", prior_temperature)
        self.objective = objective
        self.loss_weight = loss_weight
        scoring = (num_states, _SCORED_AS[objective] or estimator)
        # The closed form has no temperature, and is used outside training too.
        temperatures = [self.posterior_temperature, self.prior_temperature]
        if objective == "analytic":
            temperatures = [1.0, 1.0]
        self.log_posterior, self.log_prior = (
            ConcreteLogProb(temperature, *scoring, name=name)
            for temperature, name in zip(
                temperatures, ("log_posterior", "log_prior"), strict=True
            )
        )
        self._mean = keras.metrics.Mean(name=self.name, dtype="float32")

    def build(self, input_shape: Any) -> None:
        """Builds the two log-probabilities."""
        check_inputs(self, input_shape, "node", "posterior_logits", "prior_logits")
        node_shape, posterior_shape, prior_shape = input_shape
        self.log_posterior.build((node_shape, posterior_shape))
        self.log_prior.build((node_shape, prior_shape))

    def call(
        self, inputs: tuple[Tensor, Tensor, Tensor], training: bool = False
    ) -> Tensor:
        """Scores the node under both logits."""
        node, posterior_logits, prior_logits = inputs
        training = training or self.objective == "analytic"
        kl = self.log_posterior(
            (node, posterior_logits), training=training
        ) - self.log_prior((node, prior_logits, posterior_logits), training=training)
        self._mean.update_state(kl)
        if self.loss_weight is not None:
            self.add_loss(self.loss_weight * ops.mean(kl))
        return kl

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "posterior_temperature": schedules.serialize(self.posterior_temperature),
            "prior_temperature": schedules.serialize(self.prior_temperature),
            "objective": self.objective,
            "loss_weight": self.loss_weight,
        }
