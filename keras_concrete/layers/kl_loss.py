"""What is asked of a KL term: its objective, its free nats, and its balance."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_concrete import estimators
from keras_concrete.checks import check_choice, check_not_negative, check_share
from keras_concrete.types import Tensor

__all__ = ["balanced_kl", "check_balance", "check_free_nats", "check_objective"]

_OBJECTIVES = ("relaxed", "relaxed_mass", "analytic")


def check_objective(name: str, objective: str, estimator: str | None) -> None:
    """Refuses an objective that there is not, or not with the estimator.

    Args:
        name: Name of the argument, for an error.
        objective: The word given.
        estimator: Name of the estimator, or None if it is not known yet.

    Raises:
        ValueError: If it is none of the three; or if the estimator has its gradient from
            the bound of the whole model, so that a KL term alone cannot train its states;
            or if it has another score than that of equation 21.
    """
    check_choice(name, objective, _OBJECTIVES)
    if estimator is None:
        return
    if not estimators.get(estimator).pathwise:
        raise ValueError(
            f"The estimator {estimator!r} has its gradient from the bound of the whole "
            "model, so that a KL term alone cannot train its states: end the model in "
            "MultiSampleBound, or choose another estimator, such as 'concrete'."
        )
    if objective == "relaxed_mass" and estimator != "concrete":
        raise ValueError(
            f"Argument `{name}` must be 'relaxed' or 'analytic' with estimator="
            f"{estimator!r}, which has a score of its own. Received: {name}={objective!r}"
        )


def check_balance(name: str, balance: Any) -> float | None:
    """Refuses what is neither None nor a share; returns it as Python's number.

    Raises:
        ValueError: If it is a number outside (0, 1).
    """
    if balance is None:
        return None
    check_share(name, balance, "None or the share of the weight that moves the prior")
    return float(balance)


def check_free_nats(free_nats: Any) -> float:
    """Refuses what is not a number from 0 upward; returns it as Python's."""
    check_not_negative("free_nats", free_nats)
    return float(free_nats)


def balanced_kl(
    kl_of: Callable[[Any, Any], Tensor],
    posterior: Any,
    prior: Any,
    balance: float | None = None,
    free_nats: float = 0.0,
) -> Tensor:
    """A KL whose gradients to the posterior and to the prior have weights of their own.

    `balance max(free, KL(sg(q), p)) + (1 - balance) max(free, KL(q, sg(p)))`, sg stopping
    gradients (Hafner et al., "Mastering Atari with Discrete World Models", ICLR 2021,
    algorithm 2, and "Mastering Diverse Domains through World Models", 2023, equation 5).
    The value is `max(free, KL(q, p))` at any balance.

    Args:
        kl_of: From posterior and prior to the KL, in nats.
        posterior: Tensor, or structure of tensors, that the posterior is made of.
        prior: The same of the prior.
        balance: Share of the weight that moves the prior; the rest moves the posterior.
            None for the plain gradient, with weight 1 for each.
        free_nats: The KL below which there is no gradient.

    Returns:
        Tensor of the shape that `kl_of` returns.

    Example:
    >>> import numpy as np
    >>> q, p = np.float32(3.0), np.float32(2.0)
    >>> float(balanced_kl(lambda q, p: q - p, q, p, balance=0.75))
    1.0
    >>> float(balanced_kl(lambda q, p: q - p, q, p, free_nats=1.5))
    1.5
    """
    if balance is None:
        return _floored(kl_of(posterior, prior), free_nats)
    of_prior = _floored(kl_of(_stopped(posterior), prior), free_nats)
    of_posterior = _floored(kl_of(posterior, _stopped(prior)), free_nats)
    return balance * of_prior + (1.0 - balance) * of_posterior


def _floored(kl: Tensor, free_nats: float) -> Tensor:
    # Without free nats nothing is cut off: one sample of a KL may be negative.
    return ops.maximum(kl, free_nats) if free_nats else kl


def _stopped(tensors: Any) -> Any:
    return keras.tree.map_structure(ops.stop_gradient, tensors)
