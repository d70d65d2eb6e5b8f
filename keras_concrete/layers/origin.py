"""What nodes and scores say of the sampler that they came from.

A model names its estimator once, in the sampler. The sampler notes on the tensors it
returns, as Keras notes masks, by which estimator and for how many states they were drawn.
A layer that reads them follows, or refuses what does not agree.
"""

import contextlib
from typing import Any, NamedTuple

import keras

from keras_concrete import estimators
from keras_concrete.layers.forgotten_terms import ForgottenTerms

__all__ = ["FollowingLayer", "Origin", "check_states", "note_origin", "origins"]

_ATTRIBUTE = "_keras_concrete_origin"


class Origin(NamedTuple):
    """Where a node or a score came from.

    Attributes:
        layer: Name of the sampler.
        estimator: Name of its estimator.
        num_states: Number of states of its units.
        binary: Whether units of two states have one logit each, rather than two.
        has_samples: Whether it put a sample axis at axis 1.
        terms: The KL terms that read its nodes.
    """

    layer: str
    estimator: str
    num_states: int
    binary: bool
    has_samples: bool
    terms: ForgottenTerms


def note_origin(tensors: Any, origin: Origin) -> None:
    """Notes the origin on each tensor of a structure."""
    for tensor in keras.tree.flatten(tensors):
        # Some backends' arrays take no notes.
        with contextlib.suppress(AttributeError):
            setattr(tensor, _ATTRIBUTE, origin)


def origins(tensors: Any) -> list[Origin]:
    """The origins noted on the tensors of a structure, each once."""
    noted = (getattr(tensor, _ATTRIBUTE, None) for tensor in keras.tree.flatten(tensors))
    return list(dict.fromkeys(origin for origin in noted if origin is not None))


def check_states(layer: Any, origin: Origin) -> None:
    """Refuses nodes of units of other than the layer's `num_states`, 2 for binary ones.

    Raises:
        ValueError: If the sampler draws others.
    """
    if origin.num_states == layer.num_states == 2 and not origin.binary:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} is for binary units, with one logit "
            f"each for num_states=2, but {origin.layer!r} draws units of two logits "
            "each: draw by BinaryConcreteSample, from logits[..., 1] - logits[..., 0]."
        )
    if origin.num_states != layer.num_states:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} is for units of num_states="
            f"{layer.num_states}, but {origin.layer!r} draws units of "
            f"{origin.num_states} states: pass num_states={origin.num_states}."
        )


class FollowingLayer(keras.layers.Layer):
    """Base of layers that read what samplers draw, and follow them in the estimator.

    Args:
        estimator: Name of the gradient estimator, or None for that of the sampler.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, estimator: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if estimator is not None:
            estimators.get(estimator)
        self.estimator = estimator
        self.autocast = False
        self._samplers: set[str] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Follows the sampler of the inputs, then runs the layer on them."""
        found = origins((args, kwargs))
        for origin in found:
            self._follow(origin)
        self._samplers.update(origin.layer for origin in found[:1])
        outputs = super().__call__(*args, **kwargs)
        if found:
            note_origin(outputs, found[0])
        return outputs

    @property
    def followed_sampler(self) -> str | None:
        """Name of the sampler whose node is read; None if not known, or of several."""
        return next(iter(self._samplers)) if len(self._samplers) == 1 else None

    def _follow(self, origin: Origin) -> None:
        if self.estimator is None:
            self.estimator = origin.estimator
        elif self.estimator != origin.estimator:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} is for the estimator "
                f"{self.estimator!r}, but {origin.layer!r} draws by "
                f"{origin.estimator!r}: the model would train something else than "
                "either. Name the estimator in the sampler, and leave it out here."
            )

    def followed_estimator(self) -> estimators.Estimator:
        """The estimator that was named, or that of the sampler.

        Raises:
            ValueError: If neither is known.
        """
        if self.estimator is None:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} cannot tell which estimator drew "
                "its input, since that does not come straight from BinaryConcreteSample "
                "or ConcreteSample: pass `estimator`, the sampler's, such as "
                "estimator='concrete'."
            )
        return estimators.get(self.estimator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "estimator": self.estimator}
