"""How a layer behaves: what it draws, and whether gradients flow through it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from keras_concrete.programs import gradients
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.auditing.places import Place

__all__ = [
    "draw",
    "gap_and_noise",
    "is_float",
    "is_nonzero",
    "is_of_keras",
    "is_one_hot",
    "passes_gradient",
    "random_sum",
    "sums_to_one",
]

# Of one-hot rows that went through float16, or through y + stop_gradient(hard - y).
_TOLERANCE = 2e-3


def is_of_keras(layer: keras.Layer) -> bool:
    """Whether a layer is one of Keras's own, whose noise is no discrete unit's."""
    is_own = type(layer).__module__.partition(".")[0] in ("keras", "keras_hub")
    return is_own and not isinstance(layer, keras.layers.Lambda)


def draw(place: "Place", training: bool, num: int) -> np.ndarray:
    """The first output of a layer in several calls, `(num, ...)`.

    Args:
        place: The layer.
        training: Whether its training graph is meant.
        num: Number of calls.
    """
    return np.stack(
        [np.asarray(ops.cast(place.call(training)[0], "float32")) for _ in range(num)]
    )


def sums_to_one(states: np.ndarray) -> bool:
    """Whether the last axis holds states of a unit: they sum to 1."""
    if states.ndim < 3 or states.shape[-1] < 2:
        return False
    return bool(np.all(np.abs(states.sum(axis=-1) - 1) < _TOLERANCE))


def is_one_hot(states: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.all(np.minimum(np.abs(states), np.abs(states - 1)) < _TOLERANCE))


def passes_gradient(place: "Place") -> bool:
    """Whether some gradient reaches what trains before a layer, or else in it.

    Args:
        place: The layer. If nothing trains before it, or if its inputs are integers, its
            own weights count as well.
    """
    inputs = place.inputs
    smooth = [i for i in inputs if is_float(i)]
    weights = [] if smooth and place.trains_before else place.layer.trainable_weights

    def total(*smooth: Tensor) -> Tensor:
        left = iter(smooth)
        given = [next(left) if is_float(i) else i for i in inputs]
        return random_sum(place.call(True, given))

    return any(map(is_nonzero, gradients(total, weights, place.layer, smooth)))


def random_sum(outputs: Sequence[Tensor]) -> Tensor:
    """Sum of outputs with random weights, since the sum of a simplex is constant.

    Args:
        outputs: Tensors, of which those of integers do not count.
    """
    random = np.random.default_rng(0)
    products = [
        ops.sum(ops.cast(output, "float32") * random.normal(size=output.shape))
        for output in outputs
        if is_float(output)
    ]
    return sum(products, ops.zeros(()))


def is_nonzero(gradient: Tensor) -> bool:
    """Whether a gradient is not 0 everywhere."""
    return bool(np.any(np.asarray(ops.cast(gradient, "float32")) != 0))


def is_float(tensor: Tensor) -> bool:
    """Whether a tensor holds floats, which gradients flow through."""
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


def gap_and_noise(
    relaxed: np.ndarray, discrete: np.ndarray, rounded: np.ndarray
) -> tuple[float, float]:
    """How far apart the mean states of two graphs are, and the noise of one draw.

    Args:
        relaxed: States of several calls in training, `(calls, ...)`.
        discrete: Those of as many calls outside it.
        rounded: Those of training, rounded: without noise outside training, or with less
            in warm states, these have the unit's.

    Returns:
        The root mean square over all states of the difference of the means, less what
        noise adds to it, and of the largest of the three standard deviations.
    """
    variances = [
        np.var(calls, axis=0, ddof=1).mean() for calls in (relaxed, discrete, rounded)
    ]
    distances = relaxed.mean(axis=0) - discrete.mean(axis=0)
    square = np.mean(distances**2) - sum(variances[:2]) / len(relaxed)
    return float(np.sqrt(max(square, 0.0))), float(np.sqrt(max(variances)))
