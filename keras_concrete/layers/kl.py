"""The KL term of an objective."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.layers.added_loss import add_loss, mean_or_zero
from keras_concrete.layers.current_setting import (
    CurrentSetting,
    CurrentTemperature,
    GivenSetting,
)
from keras_concrete.layers.kl_loss import (
    balanced_kl,
    check_balance,
    check_free_nats,
    check_objective,
)
from keras_concrete.layers.log_prob import Score, unit_log_probs
from keras_concrete.layers.origin import origins
from keras_concrete.layers.pass_terms import KLTerm, are_watched, note
from keras_concrete.step_mean import StepMean
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Shape, Tensor

__all__ = ["RelaxedKL"]

_ADVICE_IN_CELLS = (
    "have the cell add up the tensor of a RelaxedKL without `loss_weight` in one of its "
    "states, as DiscreteStateCell does"
)


@keras.saving.register_keras_serializable(package="keras_concrete")
class RelaxedKL(Score):
    """One sample of the KL term, log q(z) - log p(z), summed over the units.

    In the relaxed graph q and p are the densities of the node (equation 20), the only
    choice that keeps the objective a lower bound; with `training=False` they are the
    masses of the discrete state. Its mean over samples estimates KL(q, p). `fit` and
    `evaluate` report the mean over the batch under the name of the layer, in nats and
    without weight, free nats and balance: call it `kl`. Time steps that a mask leaves out
    add nothing.

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
            equation 20, or what else the estimator scores nodes by. `"relaxed_mass"`:
            equation 21, the discrete log-masses weighted with the relaxed state (the
            objective of Jang et al.'s Gumbel-Softmax); for `"concrete"` only.
            `"analytic"`: equation 22, the KL of the discrete distributions in closed
            form, in both graphs, at any estimator: what straight-through models usually
            have; for priors whose logits do not depend on the node, as they would by way
            of a layer drawn after it. The last two are not bounds in the relaxed graph.
        loss_weight: If given, the mean over batch and samples, times this, is added to
            the losses of the model: a number from 0, a schedule of training steps, or a
            `keras.Variable`. Losses that layers add know no `sample_weight`.
        balance: Share of `loss_weight` that moves the prior, within (0, 1); the rest
            moves the posterior. The loss is `loss_weight (balance KL(sg(q), p) +
            (1 - balance) KL(q, sg(p)))`, sg stopping gradients. DreamerV2's is 0.8. None
            for the plain gradient.
        free_nats: Nats that cost nothing: in the loss the KL, summed over the units and
            averaged over batch and samples, counts as `max(free_nats, KL)`, so that there
            is no gradient below. For `loss_weight`.
        estimator: Name of the gradient estimator. By default that of the sampler whose
            node this is; its gradient must flow through the states.
        sample_axis: Whether axis 1 of the node holds samples.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        node: What a sampler with `return_node=True` returns besides the state.
        posterior_logits: The logits that the node was drawn with.
        prior_logits: Logits of the prior.
        training: Whether the relaxed graph is meant.
        node_mask: Mask of time steps, `(batch, time)`, as Keras passes on what `Masking`
            or `Embedding(mask_zero=True)` made: steps where it is False add nothing. With
            a sample axis that of the logits counts alone.
        posterior_logits_mask: The same of the logits.

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
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.2. Free
        nats of a mean: Kingma et al., "Improved Variational Inference with Inverse
        Autoregressive Flow", NeurIPS 2016. Balance: Hafner et al., "Mastering Atari with
        Discrete World Models", ICLR 2021.
    """

    posterior_temperature = GivenSetting()
    prior_temperature = GivenSetting()
    loss_weight = GivenSetting()

    def __init__(
        self,
        *,
        posterior_temperature: schedules.Setting,
        prior_temperature: schedules.Setting,
        num_states: int = 2,
        objective: str = "relaxed",
        loss_weight: schedules.Setting | None = None,
        balance: float | None = None,
        free_nats: float = 0.0,
        estimator: str | None = None,
        sample_axis: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states, estimator, sample_axis, **kwargs)
        check_objective("objective", objective, None)
        self.objective = objective
        self.balance = check_balance("balance", balance)
        self.free_nats = check_free_nats(free_nats)
        if loss_weight is not None:
            loss_weight = schedules.get("loss_weight", loss_weight, can_be_zero=True)
        elif balance is not None or free_nats:
            raise ValueError(
                "Arguments `balance` and `free_nats` are of no use without "
                "`loss_weight`: they change what the term adds to the loss. Received: "
                f"balance={balance!r}, free_nats={free_nats!r}"
            )
        self._posterior_temperature, self._prior_temperature = (
            CurrentTemperature(self, name, schedules.get(name, setting))
            for name, setting in (
                ("posterior_temperature", posterior_temperature),
                ("prior_temperature", prior_temperature),
            )
        )
        self._loss_weight = CurrentSetting(self, "loss_weight", loss_weight)
        self._report = self.reporter()
        if estimator is not None:
            self._check_estimator(estimator)

    def reporter(self) -> Callable[[Tensor, bool], None]:
        """The function that is told of the term, and whether a call was for training."""
        self._mean = StepMean(name=self.name)
        return self._mean.add_call

    def _check_estimator(self, estimator: str) -> None:
        check_objective("objective", self.objective, estimator)
        if estimators.get(estimator).convex_when_cold:
            warn_if_too_warm(self.posterior_temperature)
            warn_if_too_warm(self.prior_temperature)

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
        node_mask: Tensor | None = None,
        posterior_logits_mask: Tensor | None = None,
    ) -> Tensor:
        """Scores the node under both logits."""
        node = self._checked_node(node)
        posterior = (node, self._matched("posterior_logits", posterior_logits, node))
        prior = self._matched("prior_logits", prior_logits, node)
        masks = (node_mask, posterior_logits_mask)

        def sampled(posterior: tuple[Tensor, Tensor], prior: Tensor) -> Tensor:
            units = self._log_ratio(*posterior, prior, training=training)
            return self._sum_over_units(units, *masks)

        def closed(posterior: tuple[Tensor, Tensor], prior: Tensor) -> Tensor:
            kl = self._sum_over_units(self._closed_form(posterior[1], prior), *masks)
            return ops.broadcast_to(kl, ops.shape(node)[: 1 + self.sample_axis])

        kl_of = closed if self.objective == "analytic" else sampled
        kl = kl_of(posterior, prior)
        self._report(kl, training)
        # A pass that is watched has no loss, and may be in a loop.
        if are_watched():
            note(KLTerm(self.name, self.followed_sampler, sampled(posterior, prior)))
        elif self.loss_weight is not None:
            self._charge(
                lambda q, p: mean_or_zero(kl_of(q, p)), posterior, prior, training
            )
        return kl

    def _log_ratio(
        self, node: Tensor, drawn_logits: Tensor, prior: Tensor, training: bool
    ) -> Tensor:
        """Scores each unit by log q - log p at the node."""
        estimator = self.followed_estimator()
        if self.objective == "relaxed_mass":
            estimator = estimators.get("gumbel_softmax")
        log_posterior, log_prior = (
            unit_log_probs(
                estimator,
                self._binary,
                setting.read(training),
                node,
                logits,
                drawn_logits,
                training,
            )
            for setting, logits in (
                (self._posterior_temperature, drawn_logits),
                (self._prior_temperature, prior),
            )
        )
        return log_posterior - log_prior

    def _closed_form(self, posterior: Tensor, prior: Tensor) -> Tensor:
        """KL of the discrete distributions of each unit (equation 22)."""
        unit = self.followed_estimator().discrete_unit(self._binary)
        masses = unit.masses(unit.mean(posterior))
        log_ratio = unit.log_masses(posterior) - unit.log_masses(prior)
        return ops.sum(masses * log_ratio, axis=-1)

    def _charge(self, mean_kl: Any, posterior: Any, prior: Any, training: bool) -> None:
        """Adds the term to the losses of the model."""
        kl = balanced_kl(mean_kl, posterior, prior, self.balance, self.free_nats)
        loss = self._loss_weight.read(training) * kl
        add_loss(self, loss, training, _ADVICE_IN_CELLS)

    def compute_output_spec(
        self,
        node: Tensor,
        posterior_logits: Tensor,
        prior_logits: Tensor,
        training: bool = False,
        node_mask: Tensor | None = None,
        posterior_logits_mask: Tensor | None = None,
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
            "balance": self.balance,
            "free_nats": self.free_nats,
        }
