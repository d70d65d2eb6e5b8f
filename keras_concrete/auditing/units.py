"""Faults of layers that draw states."""

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from keras_concrete import estimators
from keras_concrete.auditing import behaviour
from keras_concrete.auditing.finding import Finding
from keras_concrete.auditing.places import Place
from keras_concrete.layers import BinaryConcreteSample
from keras_concrete.layers.sampler import Sampler

__all__ = [
    "draws_states",
    "faults_of_call",
    "faults_of_rounding",
    "faults_of_sampler",
    "faults_of_states",
    "faults_of_stranger",
    "is_stochastic",
]

_CALLS = 8
# Fewer examples say little about a unit that seldom changes.
_FEWEST_EXAMPLES = 32
_USE_OURS = "use keras_concrete.ConcreteSample with a straight-through estimator"


def is_stochastic(place: Place) -> bool:
    """Whether a layer gives something else at each call in training.

    Args:
        place: The layer.
    """
    first, second = behaviour.draw(place, True, 2)
    return bool(np.any(first != second))


def draws_states(place: Place) -> bool:
    """Whether what a stochastic layer draws are states of discrete units.

    Args:
        place: The layer.
    """
    drawn = [behaviour.draw(place, mode, 1) for mode in (True, False)]
    return behaviour.sums_to_one(drawn[0]) or any(map(behaviour.is_one_hot, drawn))


def faults_of_stranger(place: Place) -> Iterator[Finding]:
    """Faults of a stochastic layer that is not of this package.

    Args:
        place: The layer.
    """
    layer = place.layer
    states = behaviour.draw(place, True, 1)
    is_unit = behaviour.sums_to_one(states)
    is_soft = is_unit and not behaviour.is_one_hot(states)
    flows = behaviour.passes_gradient(place)
    claims = any(getattr(layer, name, None) is True for name in _CLAIMS)
    if is_soft and not flows:
        yield Finding(
            "soft straight-through",
            layer.name,
            "gives soft states in training and passes no gradient back, as "
            "y_hard + stop_gradient(y_soft - y_hard) does, which has the two exchanged",
            f"return y_soft + stop_gradient(y_hard - y_soft), or {_USE_OURS}",
        )
    elif is_soft and (claims or states.min() < -0.01):
        yield Finding(
            "soft straight-through",
            layer.name,
            "is to give discrete states, but what it gives in training is not one-hot",
            f"return y_soft + stop_gradient(y_hard - y_soft), or {_USE_OURS}",
        )
    elif not flows and (place.trains_before or layer.trainable_weights):
        yield _no_gradient(layer, "draws at random")


_CLAIMS = ("hard", "straight_through", "is_hard")


def faults_of_rounding(place: Place) -> Iterator[Finding]:
    """Faults of a layer without noise that is not of this package: sign, or argmax.

    Args:
        place: The layer.
    """
    first = place.call(True)[0]
    if not place.trains_before or not behaviour.is_float(first):
        return
    values = np.unique(np.asarray(ops.cast(first, "float32")))
    is_rounded = len(values) > 1 and np.all(np.isin(values, (-1.0, 0.0, 1.0)))
    if is_rounded and not behaviour.passes_gradient(place):
        yield _no_gradient(place.layer, "gives discrete states")


def _no_gradient(layer: keras.Layer, what: str) -> Finding:
    return Finding(
        "no gradient",
        layer.name,
        f"{what} and passes no gradient back, so that what comes before it does not "
        "learn from what comes after it",
        f"let a smooth state carry the gradient, or {_USE_OURS}",
    )


def faults_of_call(place: Place) -> Iterator[Finding]:
    """Random states of the training graph in both graphs.

    Args:
        place: A layer that draws at random.
    """
    if place.kwargs.get("training") is True:
        yield Finding(
            "training gap",
            place.layer.name,
            "is called with training=True, so that the model passes on the random "
            "states of training outside it too",
            "leave the argument out, which Keras then passes",
        )


def faults_of_sampler(place: Place, ends_in_bound: bool) -> Iterator[Finding]:
    """Faults of how a sampler of this package is used.

    Args:
        place: The layer.
        ends_in_bound: Whether the model has a `MultiSampleBound`.
    """
    layer = place.layer
    assert isinstance(layer, Sampler)
    if not estimators.get(layer.estimator).pathwise and not ends_in_bound:
        yield Finding(
            "no gradient",
            layer.name,
            f"trains by {layer.estimator!r}, whose gradient comes from "
            "MultiSampleBound, which the model does not have",
            "end the model in MultiSampleBound, or choose an estimator whose gradient "
            "flows through the states, such as 'straight_through_gumbel_softmax'",
        )


def faults_of_states(place: Place) -> Iterator[Finding]:
    """Faults that show in the states which a layer draws for the data.

    Args:
        place: The layer.
    """
    layer = place.layer
    discrete = behaviour.draw(place, False, _CALLS)
    if isinstance(layer, Sampler) and _is_discrete_in_training(layer):
        yield from _constant_units(place, discrete[0])
        return
    relaxed = behaviour.draw(place, True, _CALLS)
    rounded = _rounded(relaxed)
    yield from _constant_units(
        place, (discrete if behaviour.is_one_hot(discrete) else rounded)[0]
    )
    gap, noise = behaviour.gap_and_noise(relaxed, discrete, rounded)
    if gap > noise:
        yield Finding(
            "training gap",
            layer.name,
            f"gives other states in training than outside it: they are {gap:.2g} apart "
            f"on the mean, and the noise of one draw is {noise:.2g}",
            "lower its temperature, or anneal it, and give the same kind of states in "
            "both graphs",
        )


def _is_discrete_in_training(layer: Sampler) -> bool:
    """Whether the states of both graphs are alike, maybe with more rows in training."""
    estimator = estimators.get(layer.estimator)
    return not estimator.pathwise or estimator.adds_rows


def _rounded(states: np.ndarray) -> np.ndarray:
    """The discrete states that relaxed ones stand for."""
    if behaviour.sums_to_one(states):
        largest = states.argmax(axis=-1)[..., None]
        return np.asarray(np.arange(states.shape[-1]) == largest, "float32")
    return np.asarray(states > 0.5, "float32")


def _constant_units(place: Place, states: np.ndarray) -> Iterator[Finding]:
    if len(states) < _FEWEST_EXAMPLES:
        return
    if not isinstance(place.layer, BinaryConcreteSample):
        states = states.argmax(axis=-1) if behaviour.sums_to_one(states[None]) else states
    if getattr(place.layer, "num_samples", None) is not None:
        states = states.reshape(-1, *states.shape[2:])  # Samples are as examples.
    is_constant = np.all(states == states[:1], axis=0)
    if np.any(is_constant):
        number = f"{int(is_constant.sum())} of {is_constant.size} units"
        yield Finding(
            "constant units",
            place.layer.name,
            f"has {number} with one state for all {len(place.inputs[0])} examples",
            "weigh the KL term less at first, raise the temperature, or take fewer units",
        )
