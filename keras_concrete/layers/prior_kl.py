"""The KL term that a sampler owns, with its prior."""

from numbers import Real
from typing import Any, NoReturn

import keras
from keras import ops

from keras_concrete import schedules
from keras_concrete.checks import check_choice
from keras_concrete.layers.kl import RelaxedKL
from keras_concrete.layers.learned_logits import LearnedLogits
from keras_concrete.types import Shape, Tensor

__all__ = ["PriorKL", "check_prior"]

_PRIORS = ("uniform", "learned", "given")


class PriorKL(keras.layers.Layer):
    """Adds the KL between a sampler's posterior and a prior to the model's losses.

    Args:
        prior: `"uniform"`, `"learned"` for free logits that train, or `"given"` for
            logits that come with each call.
        num_states: 2 for binary units, n for units of n states.
        kl: Arguments of the `RelaxedKL` that scores.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, prior: str, num_states: int, kl: dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_choice("prior", prior, _PRIORS)
        self.prior = prior
        self._binary = num_states == 2
        self._kl = RelaxedKL(num_states=num_states, name=self.name, **kl)
        self._num_states = num_states
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
        units = tuple(logits_shape[1:] if self._binary else logits_shape[1:-1])
        if None in units:
            raise ValueError(
                "A prior of free logits needs units of known sizes. Received: "
                f"logits.shape={tuple(logits_shape)}. Use prior='uniform', or "
                "prior='given' with `prior_logits` of your own."
            )
        self._logits = LearnedLogits(units, self._num_states, name="prior_logits")
        self._logits.build(logits_shape)

    def call(
        self,
        node: Tensor,
        logits: Tensor,
        prior_logits: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Scores the node; the term is among the losses then."""
        if self.prior == "uniform":
            prior_logits = ops.zeros_like(logits)
        elif self.prior == "learned":
            prior_logits = self._logits(logits)
        return self._kl(node, logits, prior_logits, training=training)


def check_prior(
    prior: str | None, prior_temperature: Any, kl_weight: Any
) -> tuple[Any, Any]:
    """Checks what a sampler is told of its prior.

    Returns:
        The prior's temperature and the weight of the term.

    Raises:
        ValueError: If an argument is out of range, or is given without a prior.
    """
    if prior is None:
        if prior_temperature is not None:
            _refuse_without_prior("prior_temperature", prior_temperature)
        if not isinstance(kl_weight, Real) or kl_weight != 1.0:
            _refuse_without_prior("kl_weight", kl_weight)
        return None, kl_weight
    check_choice("prior", prior, _PRIORS)
    if prior_temperature is not None:
        prior_temperature = schedules.get("prior_temperature", prior_temperature)
    return prior_temperature, schedules.get("kl_weight", kl_weight, can_be_zero=True)


def _refuse_without_prior(name: str, value: Any) -> NoReturn:
    raise ValueError(
        f"Argument `{name}` is of no use without `prior`: pass prior='uniform', "
        f"'learned' or 'given' as well. Received: {name}={value!r}"
    )
