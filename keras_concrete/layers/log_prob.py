"""Layers that score a node: its log-probability, and the KL term of the objective."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators
from keras_concrete.layers.checks import (
    check_choice,
    check_num_states,
    check_positive,
    match_node,
    temperature_weight,
    unit_of,
)
from keras_concrete.types import Tensor

__all__ = ["ConcreteLogProb", "RelaxedKL"]


class _Score(keras.layers.Layer):
    """A layer from several inputs, the node first, to a float32 sum over the units."""

    def __init__(self, num_states: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_num_states(num_states)
        self.num_states = num_states
        self.autocast = False

    def compute_output_spec(
        self, inputs: tuple[Tensor, ...], training: bool = False
    ) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        event_ndims = 1 if self.num_states > 2 else 0
        shape = tuple(inputs[0].shape)[: -1 - event_ndims]
        return keras.KerasTensor(shape, dtype="float32")

    def _check_node(self, node: Tensor) -> Tensor:
        shape = tuple(node.shape)
        axes = "units, num_states" if self.num_states > 2 else "units"
        rank_is_low = len(shape) < 2 + (self.num_states > 2)
        if rank_is_low or (self.num_states > 2 and shape[-1] != self.num_states):
            raise ValueError(
                f"{type(self).__name__} with num_states={self.num_states} expects a "
                f"node of shape (batch, [num_samples,] {axes}). "
                f"Received: node.shape={shape}"
            )
        return ops.cast(node, "float32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_states": self.num_states}


@keras.saving.register_keras_serializable(package="keras_concrete")
class ConcreteLogProb(_Score):
    """Log-probability of a node, summed over the units.

    In the relaxed graph (`training=True`, and an estimator that trains on relaxed
    states) this is the density of the node: `LogitBinaryConcrete`, or `ExpConcrete` for
    `num_states` above 2. In the discrete graph it is the mass of the state, which is
    computed from the node by rounding.

    Args:
        temperature: Positive number, the temperature of the density. It may differ from
            that of the sampler: the paper gives prior and posterior one each
            (equation 28). Held in the weight `current_temperature`.
        num_states: 2 for binary units (one logit each), n for units of n states.
        estimator: Name of the gradient estimator that the model trains with: the same
            as the sampler's.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The pair `(node, logits)`.
        training: Whether the density is meant, or the mass.

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
        temperature: float,
        num_states: int = 2,
        estimator: str = "concrete",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states=num_states, **kwargs)
        check_positive("temperature", temperature)
        self._relaxes = estimators.get(estimator).relaxed
        self.temperature = temperature
        self.estimator = estimator

    def build(self, input_shape: Any) -> None:
        """Adds the temperature, a weight that does not train."""
        self.current_temperature = temperature_weight(self, self.temperature)

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> Tensor:
        """Scores the node under the logits."""
        node, logits = inputs
        node = self._check_node(node)
        logits = match_node("logits", logits, node)
        unit = unit_of(self.num_states)
        if training and self._relaxes:
            temperature = self.current_temperature.value
            log_probs = unit.relaxed(temperature, logits).log_prob(node)
        else:
            log_probs = unit.discrete(logits).log_prob(unit.discrete_state(node))
        return ops.sum(log_probs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "estimator": self.estimator,
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class RelaxedKL(_Score):
    """One sample of the KL term, log q(z) - log p(z), summed over the units.

    In the relaxed graph q and p are the densities of the node (equation 20), the only
    choice that keeps the objective a lower bound; with `training=False` they are the
    masses of the discrete state. Its mean over samples estimates KL(q, p).

    Args:
        posterior_temperature: Positive number, the temperature of the sampler.
        prior_temperature: Positive number, the temperature of the prior's density.
        num_states: 2 for binary units (one logit each), n for units of n states.
        objective: Which of the paper's three terms to use in training. `"relaxed"`:
            equation 20. `"relaxed_mass"`: equation 21, the discrete log-masses weighted
            with the relaxed state (the objective of Jang et al.'s Gumbel-Softmax).
            `"analytic"`: equation 22, the discrete KL in closed form, in both graphs.
            The last two are not bounds in the relaxed graph.
        loss_weight: If given, the mean over the batch, times this, is added to the
            losses of the model: the one-line KL for a model of your own. Make the
            output of this layer one of the model's outputs, or Keras leaves the layer
            out of a functional model.
        **kwargs: Arguments of `keras.layers.Layer`.

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
    >>> kl = RelaxedKL(posterior_temperature=2 / 3, prior_temperature=1 / 2)
    >>> node, logits = np.ones((2, 5, 3), "float32"), np.zeros((2, 3), "float32")
    >>> kl((node, logits, logits)).numpy().max()  # discrete graph, equal masses
    np.float32(0.0)

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.2.
    """

    def __init__(
        self,
        posterior_temperature: float,
        prior_temperature: float,
        num_states: int = 2,
        objective: str = "relaxed",
        loss_weight: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states=num_states, **kwargs)
        check_choice("objective", objective, ("relaxed", "relaxed_mass", "analytic"))
        if loss_weight is not None:
            check_positive("loss_weight", loss_weight)
        self.posterior_temperature = posterior_temperature
        self.prior_temperature = prior_temperature
        self.objective = objective
        self.loss_weight = loss_weight
        self.log_posterior = ConcreteLogProb(
            posterior_temperature, num_states, name="log_posterior"
        )
        self.log_prior = ConcreteLogProb(prior_temperature, num_states, name="log_prior")

    def build(self, input_shape: Any) -> None:
        """Builds the two log-probabilities."""
        node_shape, posterior_shape, prior_shape = input_shape
        self.log_posterior.build((node_shape, posterior_shape))
        self.log_prior.build((node_shape, prior_shape))

    def call(
        self, inputs: tuple[Tensor, Tensor, Tensor], training: bool = False
    ) -> Tensor:
        """Scores the node under both logits."""
        node, posterior_logits, prior_logits = inputs
        node = self._check_node(node)
        if self.objective == "analytic" or (
            self.objective == "relaxed_mass" and training
        ):
            kl = self._mass_ratio(node, posterior_logits, prior_logits)
        else:
            kl = self.log_posterior(
                (node, posterior_logits), training=training
            ) - self.log_prior((node, prior_logits), training=training)
        if self.loss_weight is not None:
            self.add_loss(self.loss_weight * ops.mean(kl))
        return kl

    def _mass_ratio(
        self, node: Tensor, posterior_logits: Tensor, prior_logits: Tensor
    ) -> Tensor:
        """Sum over states of weight * log(Q / P), the weights the state or Q itself."""
        unit = unit_of(self.num_states)
        posterior = match_node("posterior_logits", posterior_logits, node)
        prior = match_node("prior_logits", prior_logits, node)
        if self.objective == "analytic":
            weights = unit.discrete(posterior + ops.zeros_like(node)).mean()
        else:
            weights = unit.relaxed_state(node)
        log_ratio = unit.log_masses(posterior) - unit.log_masses(prior)
        return ops.sum(unit.masses(weights) * log_ratio, axis=(-2, -1))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "posterior_temperature": self.posterior_temperature,
            "prior_temperature": self.prior_temperature,
            "objective": self.objective,
            "loss_weight": self.loss_weight,
        }
