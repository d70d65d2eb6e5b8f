"""What layers tell of one pass of a model, beyond what the model returns.

A model made of these layers computes its log-weights on the way to its outputs or to its
losses. Who wants them runs a pass within `watched_terms`; at all other times nothing is
kept.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from keras_concrete.types import Tensor

__all__ = [
    "BoundTerms",
    "Draw",
    "KLTerm",
    "PassTerms",
    "are_watched",
    "note",
    "watched_terms",
]


class BoundTerms(NamedTuple):
    """What a `MultiSampleBound` is made of.

    Attributes:
        layer: Its name.
        log_joint: Terms of log p(x, z).
        log_posterior: Terms of log q(z given x).
    """

    layer: str
    log_joint: list[Tensor]
    log_posterior: list[Tensor]


class KLTerm(NamedTuple):
    """One sample of the KL of a `RelaxedKL`, log q - log p of what was drawn.

    Attributes:
        layer: Its name.
        sampler: Name of the layer whose draw it scores, or None if that is not known.
        kl: `(batch, [num_samples])`, in nats.
    """

    layer: str
    sampler: str | None
    kl: Tensor


class Draw(NamedTuple):
    """A random state that a layer drew.

    Attributes:
        layer: Its name.
        has_density: Whether layers can score what it draws.
    """

    layer: str
    has_density: bool


@dataclass
class PassTerms:
    """The terms of one pass, in the order in which layers computed them.

    Attributes:
        bounds: Those of each `MultiSampleBound`.
        kls: Those of each `RelaxedKL`, a sampler's own among them.
        draws: Those of each sampler, a layer that runs twice twice.
    """

    bounds: list[BoundTerms] = field(default_factory=list)
    kls: list[KLTerm] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)

    def add(self, term: BoundTerms | KLTerm | Draw) -> None:
        """Appends a term to those of its kind."""
        match term:
            case BoundTerms():
                self.bounds.append(term)
            case KLTerm():
                self.kls.append(term)
            case Draw():
                self.draws.append(term)


_WATCHED: contextvars.ContextVar[Any] = contextvars.ContextVar("_WATCHED", default=None)


@contextlib.contextmanager
def watched_terms() -> Iterator[PassTerms]:
    """Collects the terms of the layers that run within this context."""
    terms = PassTerms()
    token = _WATCHED.set(terms)
    try:
        yield terms
    finally:
        _WATCHED.reset(token)


def are_watched() -> bool:
    """Whether someone collects the terms of this pass, whose losses count nowhere."""
    return _WATCHED.get() is not None


def note(term: BoundTerms | KLTerm | Draw) -> None:
    """Hands a term to whoever watches the pass."""
    watched = _WATCHED.get()
    if watched is not None:
        watched.add(term)
