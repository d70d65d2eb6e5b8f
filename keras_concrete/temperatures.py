"""Temperatures for belief networks: what the paper found best, and which are too warm."""

import inspect
import os
import warnings
from typing import Any, NamedTuple

import keras

from keras_concrete import schedules
from keras_concrete.checks import check_num_states
from keras_concrete.schedules import Setting

__all__ = [
    "TemperatureAdvice",
    "Temperatures",
    "choose_temperatures",
    "suggest_temperature",
    "warn_if_too_warm",
]

# Appendix D.5, by arity: prior, posterior.
_BEST = {2: (1 / 2, 2 / 3), 4: (2 / 3, 1.0), 8: (2 / 5, 2 / 3)}
# Of 1/4, 1/2, 2/3 and 1, in small models of digits: results/advice.
_ANALYTIC = 0.5
_WHY_ANALYTIC = (
    "analytic: the best or next to it of four in small autoencoders, with units of 2, 8, "
    "16 and 128 states"
)


class Temperatures(NamedTuple):
    """Temperatures of a network.

    Attributes:
        prior: Of the densities of p.
        posterior: Of the samples and densities of q.
    """

    prior: Setting
    posterior: Setting


def choose_temperatures(
    arity: int,
    *,
    prior: Any = None,
    posterior: Any = None,
    conditional: bool = False,
) -> Temperatures:
    """Returns the temperatures given, or the paper's for the arity in place of None.

    Args:
        arity: Number of states of a unit.
        prior: Temperature of the densities of p, a number or a schedule, or None.
        posterior: Temperature of the samples and densities of q, likewise.
        conditional: Whether samples come from the prior, so that the network has one
            temperature: then that of `posterior` for both.

    Returns:
        The temperatures.

    Raises:
        ValueError: If one is not positive, or None where the paper has none for the
            arity, or if a conditional network is given a prior temperature.

    Example:
    >>> choose_temperatures(4, posterior=0.9)
    Temperatures(prior=0.6666666666666666, posterior=0.9)
    """
    if prior is not None:
        prior = schedules.get("prior_temperature", prior)
    if posterior is not None:
        posterior = schedules.get("posterior_temperature", posterior)
    if conditional:
        if prior is not None:
            raise ValueError(
                "A network that samples from its prior has one temperature for the whole "
                "graph: pass `posterior_temperature` only. Received: "
                f"prior_temperature={prior!r}"
            )
        prior = posterior
    if prior is not None and posterior is not None:
        return Temperatures(prior, posterior)
    if arity not in _BEST:
        both = "`prior_temperature` and `posterior_temperature`"
        raise ValueError(
            "The paper gives temperatures for arity 2, 4 and 8: for any other pass "
            f"{'`posterior_temperature`' if conditional else both}. "
            f"Received: arity={arity!r}"
        )
    best_prior, best_posterior = _BEST[arity]
    if conditional:
        return Temperatures(best_posterior, best_posterior)
    return Temperatures(
        best_prior if prior is None else prior,
        best_posterior if posterior is None else posterior,
    )


class TemperatureAdvice(NamedTuple):
    """Temperatures to start from.

    Attributes:
        prior: For the densities of a prior.
        posterior: For samples and densities of a posterior, or of a model with no prior.
        analytic: For samples whose KL is in closed form, as that of a sampler's `prior`
            is by default.
        safe_below: At temperatures up to this no density has a mode in the interior of
            the simplex, whatever the logits (Propositions 1d and 2d).
        reason: Where the numbers are from.
    """

    prior: float
    posterior: float
    analytic: float
    safe_below: float
    reason: str


def suggest_temperature(num_states: int) -> TemperatureAdvice:
    """Suggests temperatures for units of n states, with the reasons.

    They are those of the number of states nearest to n that the paper tuned, of the
    smaller of two as near.

    Args:
        num_states: Number of states n, 2 for binary units.

    Returns:
        The advice.

    Raises:
        ValueError: If `num_states` is not an integer from 2 upward.

    Example:
    >>> advice = suggest_temperature(2)
    >>> advice.prior, round(advice.posterior, 3), advice.analytic, advice.safe_below
    (0.5, 0.667, 0.5, 1.0)

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: Propositions 1 and
        2, sections 3.3, C.4 and D.5.
    """
    check_num_states(num_states)
    safe_below = 1.0 / (num_states - 1)
    if num_states in _BEST:
        reason = (
            "prior and posterior: the paper's best on the validation data of MNIST "
            f"(appendix D.5); {_WHY_ANALYTIC}"
        )
        return TemperatureAdvice(*_BEST[num_states], _ANALYTIC, safe_below, reason)
    nearest = min(_BEST, key=lambda size: abs(size - num_states))
    reason = (
        f"prior and posterior: the paper's for {nearest} states, the nearest number that "
        f"it tuned (appendix D.5); {_WHY_ANALYTIC}. Tune them on the bound of the "
        "discrete graph. Up to safe_below no unit can hold a real value in the interior "
        "of the simplex, but gradients grow noisier as the temperature falls"
    )
    return TemperatureAdvice(*_BEST[nearest], _ANALYTIC, safe_below, reason)


def warn_if_too_warm(temperature: Setting) -> None:
    """Warns, once, of a temperature at which a unit may prefer the interior.

    Up to 1 / (n - 1) no density has a mode in the interior of the simplex (Propositions
    1d and 2d). Units of more than 2 states tolerate more, such as the paper's 1 for 4
    states (C.4): so the warning starts above 1 for every arity, and no default of the
    paper has it. All layers of one temperature share one warning, at the line that made
    the first of them.

    Args:
        temperature: Number. Of a schedule or a variable, which may cool what starts hot,
            none is known to last.
    """
    if isinstance(temperature, schedules.Schedule | keras.Variable):
        return
    if temperature <= 1.0:
        return
    if float(temperature) in _WARNED_OF:
        return
    _WARNED_OF.add(float(temperature))
    warnings.warn(
        f"The temperature {temperature:g} is above 1, where a unit can hold a real "
        "number in the interior of the simplex, which rounding then loses: expect a gap "
        "between the relaxed and the discrete bound (Maddison et al., Propositions 1d "
        "and 2d, appendix C.4). See keras_concrete.suggest_temperature, and watch the "
        "gap by keras_concrete.IntegralityGap.",
        stacklevel=_levels_up_to_user(),
    )


_WARNED_OF: set[float] = set()


def _levels_up_to_user() -> int:
    """The `stacklevel`, for the caller, of the first line that is not a library's."""
    files = (__file__, keras.__file__)
    libraries = tuple(os.path.join(os.path.dirname(file), "") for file in files)
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_code.co_filename.startswith(libraries):
        frame, level = frame.f_back, level + 1
    return level
