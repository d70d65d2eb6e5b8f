"""The KL term of an objective."""

from typing import Any

import keras
from keras import ops

from keras_concrete import schedules
from keras_concrete.checks import check_choice, check_positive
from keras_concrete.layers.log_prob import ConcreteLogProb, Score
from keras_concrete.layers.shapes import check_inputs
from keras_concrete.types import Tensor

__all__ = ["RelaxedKL"]

# The estimators that score nodes as the objectives of section C.2 do.
_SCORED_AS = {
    "relaxed": None,
    "relaxed_mass": "gumbel_softmax",
    "analytic": "concrete_analytic_kl",
}


@keras.saving.register_keras_serializable(package="keras_concrete")
class RelaxedKL(Score):
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
