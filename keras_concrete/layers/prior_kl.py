"""The KL term that a sampler owns, with its prior."""

from collections.abc import Callable
from numbers import Real
from typing import Any, NoReturn

import keras
from keras import ops

from keras_concrete import schedules
from keras_concrete.checks import check_choice
from keras_concrete.estimators.base import beside_samples
from keras_concrete.layers.kl import RelaxedKL
from keras_concrete.layers.kl_loss import check_balance, check_free_nats, check_objective
from keras_concrete.layers.learned_logits import LearnedLogits
from keras_concrete.layers.pass_terms import are_watched
from keras_concrete.types import Shape, Tensor

__all__ = ["PriorKL", "check_prior"]

Report = Callable[[Tensor, bool], None]

_PRIORS = ("uniform", "learned", "given")


class _Term(RelaxedKL):
    """A term of a sampler's own, which reports its mean.

    Keras lists a metric once for each layer around it, and `evaluate` returns as many
    numbers.
    """

    def __init__(self, sampler: str, binary: bool, report: Report, **kwargs: Any) -> None:
        self._told = report
        super().__init__(**kwargs)
        self._binary = binary
        self._samplers = {sampler}

    def reporter(self) -> Report:
        """The sampler's."""
        return self._told


class PriorKL(keras.layers.Layer):
    """Adds the KL between a sampler's posterior and a prior to the model's losses.

    Args:
        sampler: Name of the sampler.
        prior: `"uniform"`, `"learned"` for free logits that train, or `"given"` for
            logits that come with each call.
        num_states: Number of states of a unit.
        binary: Whether units of two states have one logit each, rather than two.
        kl: Arguments of the `RelaxedKL` that scores.
        report: Is told of the term, and whether a call was for training.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        sampler: str,
        prior: str,
        num_states: int,
        binary: bool,
        kl: dict[str, Any],
        report: Report,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=f"{sampler}_kl", **kwargs)
        check_choice("prior", prior, _PRIORS)
        self.prior = prior
        self._binary = binary
        told = {"num_states": num_states, "name": self.name, **kl}
        self._kl = _Term(sampler, binary, report, **told)
        self._logits: Any = None
        self.autocast = False

    def build(
        self,
        node_shape: Shape,
        logits_shape: Shape,
        prior_logits_shape: Shape | None = None,
    ) -> None:
        """Adds the logits of a learned prior."""
        self._kl.build(node_shape, logits_shape, logits_shape)
        if self.prior != "learned":
            return
        shape = tuple(logits_shape[1:])
        if None in shape:
            raise ValueError(
                "A prior of free logits needs units of known sizes. Received: "
                f"logits.shape={tuple(logits_shape)}. Use prior='uniform', or "
                "prior='given' with `prior_logits` of your own."
            )
        self._logits = LearnedLogits(shape, name="prior_logits")
        self._logits.build(logits_shape)

    def call(
        self,
        node: Tensor,
        logits: Tensor,
        prior_logits: Tensor | None = None,
        training: bool = False,
        logits_mask: Tensor | None = None,
    ) -> Tensor:
        """Scores the node; the term is among the losses then."""
        if self.prior != "given":
            is_uniform = self.prior == "uniform"
            free = ops.zeros_like(logits) if is_uniform else self._logits(logits)
            prior_logits = self._of_possible_states(free, logits, training)
        return self._kl(
            node,
            logits,
            prior_logits,
            training=training,
            posterior_logits_mask=logits_mask,
        )

    def _of_possible_states(
        self, prior_logits: Tensor, logits: Tensor, training: bool
    ) -> Tensor:
        """The prior without the states that the posterior's mask rules out."""
        if self._binary:
            return prior_logits
        # Here and not above: TFP takes a second to import.
        from keras_concrete.distributions.impossible import possible, ruled_out

        prior_logits = beside_samples(prior_logits, logits)
        # A density is one of as many states as the posterior's.
        is_of_densities = self._kl.objective == "relaxed" or are_watched()
        if training and is_of_densities:
            _, impossible = possible(logits)
        else:
            impossible = ruled_out(logits)
        return ops.where(impossible, -float("inf"), prior_logits)


# What a sampler says of its term, by its own names, and what it says by default.
_DEFAULTS = {
    "prior_temperature": None,
    "kl_weight": 1.0,
    "kl_objective": None,
    "kl_balance": None,
    "free_nats": 0.0,
}


def check_prior(prior: str | None, estimator: str, settings: dict[str, Any]) -> Any:
    """Checks what a sampler is told of its prior.

    Args:
        prior: The prior's word, or None.
        estimator: Name of the sampler's estimator.
        settings: The arguments of the sampler's term, by their names.

    Returns:
        The settings, ready for use.

    Raises:
        ValueError: If an argument is out of range, or is given without a prior.
    """
    if prior is None:
        for name, value in settings.items():
            if not _is_default(value, _DEFAULTS[name]):
                _refuse_without_prior(name, value)
        return settings
    check_choice("prior", prior, _PRIORS)
    objective = settings["kl_objective"]
    if objective is None:
        # Given logits may come from a layer that was drawn after this one.
        objective = "relaxed" if prior == "given" else "analytic"
    check_objective("kl_objective", objective, estimator)
    balance = check_balance("kl_balance", settings["kl_balance"])
    if prior == "uniform" and balance is not None:
        raise ValueError(
            "Argument `kl_balance` is of no use with prior='uniform', which does not "
            "train: it would only make the gradient smaller. Use `kl_weight`, or "
            "prior='learned' or 'given'. Received: "
            f"kl_balance={balance!r}"
        )
    temperature = settings["prior_temperature"]
    if temperature is not None:
        temperature = schedules.get("prior_temperature", temperature)
    return {
        "prior_temperature": temperature,
        "kl_weight": schedules.get("kl_weight", settings["kl_weight"], can_be_zero=True),
        "kl_objective": objective,
        "kl_balance": balance,
        "free_nats": check_free_nats(settings["free_nats"]),
    }


def _is_default(value: Any, default: Any) -> bool:
    # A schedule or a variable is none, and is not to be compared.
    plain = value is None or isinstance(value, Real | str)
    return plain and value == default


def _refuse_without_prior(name: str, value: Any) -> NoReturn:
    raise ValueError(
        f"Argument `{name}` is of no use without `prior`: pass prior='uniform', "
        f"'learned' or 'given' as well. Received: {name}={value!r}"
    )
