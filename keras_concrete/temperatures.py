"""Temperatures for belief networks: what the paper found best on validation data."""

from keras_concrete.checks import check_positive

__all__ = ["choose_temperatures"]

# Appendix D.5, by arity: prior, posterior.
_BEST = {2: (1 / 2, 2 / 3), 4: (2 / 3, 1.0), 8: (2 / 5, 2 / 3)}


def choose_temperatures(
    arity: int,
    prior: float | None = None,
    posterior: float | None = None,
    conditional: bool = False,
) -> tuple[float, float]:
    """Returns the temperatures given, or the paper's for the arity in place of None.

    Args:
        arity: Number of states of a unit.
        prior: Temperature of the densities of p, or None.
        posterior: Temperature of the samples and densities of q, or None.
        conditional: Whether samples come from the prior, so that the network has one
            temperature: then that of `posterior` for both.

    Returns:
        The pair of prior and posterior temperature.

    Raises:
        ValueError: If one is not positive, or None where the paper has none for the
            arity, or if a conditional network is given a prior temperature.

    Example:
    >>> choose_temperatures(4, posterior=0.9)
    (0.6666666666666666, 0.9)
    """
    for name, value in (("prior", prior), ("posterior", posterior)):
        if value is not None:
            check_positive(f"{name}_temperature", value)
    if conditional:
        if prior is not None:
            raise ValueError(
                "A network that samples from its prior has one temperature for the whole "
                "graph: pass `posterior_temperature` only. Received: "
                f"prior_temperature={prior!r}"
            )
        _, posterior = choose_temperatures(arity, posterior, posterior)
        return posterior, posterior
    if prior is not None and posterior is not None:
        return prior, posterior
    if arity not in _BEST:
        raise ValueError(
            "The paper gives temperatures for arity 2, 4 and 8: for any other pass "
            "`prior_temperature` and `posterior_temperature`. "
            f"Received: arity={arity!r}"
        )
    best_prior, best_posterior = _BEST[arity]
    return (
        best_prior if prior is None else prior,
        best_posterior if posterior is None else posterior,
    )
