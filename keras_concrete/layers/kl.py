"""The KL term of an objective."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_choice
from keras_concrete.graphs import in_loop_body
from keras_concrete.layers.current_setting import CurrentSetting, refuse_to_set
from keras_concrete.layers.log_prob import Score, unit_log_probs
from keras_concrete.layers.origin import origins
from keras_concrete.layers.pass_terms import KLTerm, are_watched, note
from keras_concrete.step_mean import StepMean
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Shape, Tensor

__all__ = ["RelaxedKL", "check_pathwise"]

# The estimators that score nodes as the objectives of section C.2 do.
_SCORED_AS = {
    "relaxed": None,
    "relaxed_mass": "gumbel_softmax",
    "analytic": "concrete_analytic_kl",
}


def check_pathwise(estimator: str) -> None:
    """Refuses an estimator that a KL term alone cannot train.

    Raises:
        ValueError: If no gradient flows through the estimator's states.
    """
    if not estimators.get(estimator).pathwise:
        raise ValueError(
            f"No gradient flows through the states of the estimator {estimator!r}, "
            "so that a KL term alone cannot train them: end the model in "
            "MultiSampleBound, or choose another estimator, such as 'concrete'."
        )


@keras.saving.register_keras_serializable(package="keras_concrete")
class RelaxedKL(Score):
    """One sample of the KL term, log q(z) - log p(z), summed over the units.

    In the relaxed graph q and p are the densities of the node (equation 20), the only
    choice that keeps the objective a lower bound; with `training=False` they are the
    masses of the discrete state. Its mean over samples estimates KL(q, p). `fit` and
    `evaluate` report the mean over the batch under the name of the layer: call it `kl`.

    Where the term is only to be added to the loss, give the sampler a `prior` instead:
    it then owns this layer, and Keras cannot drop it. Keras leaves out of a functional
    model every layer whose output is not used, so the output of this layer must be one of
    the model's outputs, or lead to one.

    Args:
        posterior_temperature: Number, schedule or `keras.Variable` (see
            `keras_concrete.schedules`): the temperature of the sampler.
        prior_temperature: Likewise, that of the prior's density.
        num_states: 2 for binary units (one logit each), n for units of n states.
        objective: Which of the paper's three terms to use in training. `"relaxed"`:
            equation 20. `"relaxed_mass"`: equation 21, the discrete log-masses weighted
            with the relaxed state (the objective of Jang et al.'s Gumbel-Softmax).
            `"analytic"`: equation 22, the discrete KL in closed form, in both graphs.
            The last two are not bounds in the relaxed graph. The Concrete relaxation
            only.
        loss_weight: If given, the mean over batch and samples, times this, is added to
            the losses of the model: a number from 0, a schedule of training steps, or a
            `keras.Variable`. Losses that layers add know no `sample_weight`.
        estimator: Name of the gradient estimator. By default that of the sampler whose
            node this is; its gradient must flow through the states.
        sample_axis: Whether axis 1 of the node holds samples.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        node: What a sampler with `return_node=True` returns besides the state.
        posterior_logits: The logits that the node was drawn with.
        prior_logits: Logits of the prior.
        training: Whether the relaxed graph is meant.

    Input shape:
        Node `(batch, [num_samples,] *units[, num_states])`; logits of that shape, or
        without the sample axis.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If an argument is out of range, or shapes do not fit.

    Example:
    >>> import numpy as np
    >>> kl = RelaxedKL(
    ...     posterior_temperature=2 / 3, prior_temperature=1 / 2, estimator="concrete"
    ... )
    >>> node, logits = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")
    >>> kl(node, logits, logits).numpy()  # discrete graph, equal masses
    array([0., 0.], dtype=float32)

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.2.
    """

    def __init__(
        self,
        *,
        posterior_temperature: schedules.Setting,
        prior_temperature: schedules.Setting,
        num_states: int = 2,
        objective: str = "relaxed",
        loss_weight: schedules.Setting | None = None,
        estimator: str | None = None,
        sample_axis: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states, estimator, sample_axis, **kwargs)
        check_choice("objective", objective, tuple(_SCORED_AS))
        if loss_weight is not None:
            loss_weight = schedules.get("loss_weight", loss_weight, can_be_zero=True)
        self.objective = objective
        self._posterior_temperature, self._prior_temperature = (
            CurrentSetting(self, name, schedules.get(name, setting))
            for name, setting in (
                ("posterior_temperature", posterior_temperature),
                ("prior_temperature", prior_temperature),
            )
        )
        self._loss_weight = CurrentSetting(self, "loss_weight", loss_weight)
        self._mean = StepMean(name=self.name)
        if estimator is not None:
            self._check_estimator(estimator)

    def _check_estimator(self, estimator: str) -> None:
        check_pathwise(estimator)
        if self.objective != "relaxed" and estimator != "concrete":
            raise ValueError(
                f"Argument `objective` must be 'relaxed' with estimator={estimator!r}, "
                f"which has a score of its own. Received: objective={self.objective!r}"
            )
        if estimators.get(estimator).convex_when_cold:
            warn_if_too_warm(self.posterior_temperature)
            warn_if_too_warm(self.prior_temperature)

    @property
    def posterior_temperature(self) -> schedules.Setting:
        """The temperature of the sampler, as it was given."""
        return self._posterior_temperature.setting

    @posterior_temperature.setter
    def posterior_temperature(self, value: Any) -> None:
        refuse_to_set(self, "posterior_temperature")

    @property
    def prior_temperature(self) -> schedules.Setting:
        """The temperature of the prior's density, as it was given."""
        return self._prior_temperature.setting

    @prior_temperature.setter
    def prior_temperature(self, value: Any) -> None:
        refuse_to_set(self, "prior_temperature")

    @property
    def loss_weight(self) -> schedules.Setting | None:
        """The weight of the term in the loss, as it was given."""
        return self._loss_weight.setting

    @loss_weight.setter
    def loss_weight(self, value: Any) -> None:
        refuse_to_set(self, "loss_weight")

    def build(
        self, node_shape: Shape, posterior_logits_shape: Shape, prior_logits_shape: Shape
    ) -> None:
        """Adds nothing: the layer has no weights."""

    def call(
        self,
        node: Tensor,
        posterior_logits: Tensor,
        prior_logits: Tensor,
        training: bool = False,
    ) -> Tensor:
        """Scores the node under both logits."""
        node = self._checked_node(node)
        drawn_logits = self._matched("posterior_logits", posterior_logits, node)
        logits = self._matched("prior_logits", prior_logits, node)
        scored_as = _SCORED_AS[self.objective]
        estimator = estimators.get(scored_as) if scored_as else self.followed_estimator()
        # Each setting is read once, since a training call has its clock count the step.
        posterior_temperature = self._posterior_temperature.read(training)
        prior_temperature = self._prior_temperature.read(training)
        in_relaxed_graph = training or self.objective == "analytic"
        log_posterior, log_prior = (
            unit_log_probs(
                estimator,
                self._binary,
                temperature,
                node,
                of_density,
                drawn_logits,
                in_relaxed_graph,
            )
            for temperature, of_density in (
                (posterior_temperature, drawn_logits),
                (prior_temperature, logits),
            )
        )
        kl = self._sum_over_units(log_posterior - log_prior)
        note(KLTerm(self.name, self.objective, kl))
        self._mean.update_state(kl, training)
        # A pass that is watched has no loss, and may be in a loop.
        if self.loss_weight is not None and not are_watched():
            if in_loop_body():
                raise ValueError(
                    f"{self.name!r} would add its term to the loss inside a loop, out of "
                    "which Keras takes no losses. Make the recurrent layer with "
                    "unroll=True, or have its cell return the tensor of a RelaxedKL "
                    "without `loss_weight` as an output."
                )
            term = self._loss_weight.read(training) * ops.mean(kl)
            # In the dtype of the model's other losses.
            self.add_loss(ops.cast(term, keras.config.floatx()))
        return kl

    def compute_output_spec(
        self,
        node: Tensor,
        posterior_logits: Tensor,
        prior_logits: Tensor,
        training: bool = False,
    ) -> keras.KerasTensor:
        for origin in origins(node):
            if self.loss_weight is not None:
                origin.terms.watch(self)
        return self._spec(
            node, posterior_logits=posterior_logits, prior_logits=prior_logits
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "posterior_temperature": schedules.serialize(self.posterior_temperature),
            "prior_temperature": schedules.serialize(self.prior_temperature),
            "objective": self.objective,
            "loss_weight": schedules.serialize(self.loss_weight),
        }
