"""Small parts of networks: codes, free logits, centering."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.checks import check_num_states, check_positive
from keras_concrete.types import Tensor

__all__ = ["Centering", "HypercubeCode", "LearnedLogits"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class HypercubeCode(keras.layers.Layer):
    """Maps states to the corners of the hypercube {-1, 1}^log2(n), as the paper does.

    A binary state x becomes 2x - 1. An n-ary state becomes C x, where column k of C
    spells k in binary with -1 for 0, most significant bit first (appendix D.2). Relaxed
    states become points between the corners.

    Args:
        num_states: 2 for binary states, or a larger power of 2 for one-hot states.
        kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(..., units)` for `num_states=2`, else `(..., units, num_states)`.

    Output shape:
        `(..., units * log2(num_states))`, in the compute dtype.

    Raises:
        ValueError: If `num_states` is not a power of 2, or not the size of the states.

    Example:
    >>> import numpy as np
    >>> HypercubeCode()(np.array([[0.0, 1.0, 0.5]])).numpy().tolist()
    [[-1.0, 1.0, 0.0]]
    >>> HypercubeCode(num_states=4)(np.eye(4)[None, [2]]).numpy().tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, num_states: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        num_states = check_num_states(num_states)
        if num_states & (num_states - 1):
            raise ValueError(
                "Argument `num_states` must be a power of 2, so that the states are "
                f"the corners of a hypercube. Received: num_states={num_states}"
            )
        self.num_states = num_states
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        """Checks the size of the states."""
        if self.num_states > 2 and input_shape[-1] != self.num_states:
            raise ValueError(
                f"HypercubeCode(num_states={self.num_states}) expects states of shape "
                f"(..., units, {self.num_states}). Received: {tuple(input_shape)}"
            )

    def call(self, state: Tensor) -> Tensor:
        """Maps states to codes."""
        if self.num_states == 2:
            return 2.0 * state - 1.0
        codes = ops.matmul(state, ops.cast(_corners(self.num_states), state.dtype))
        *leading, units, bits = ops.shape(codes)
        return ops.reshape(codes, (*leading, units * bits))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on; one of n-ary units has no place in their codes."""
        is_of_units = self.num_states > 2 and len(inputs.shape) == 3
        return None if is_of_units else mask

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Shape of the codes."""
        if self.num_states == 2:
            return tuple(input_shape)
        bits = self.num_states.bit_length() - 1
        units = input_shape[-2]
        return (*input_shape[:-2], None if units is None else units * bits)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_states": self.num_states}


def _corners(num_states: int) -> np.ndarray:
    """The transpose of C: row k is the corner that spells k."""
    bits = num_states.bit_length() - 1
    shifts = np.arange(bits)[::-1]
    return 2.0 * ((np.arange(num_states)[:, None] >> shifts) & 1) - 1.0


@keras.saving.register_keras_serializable(package="keras_concrete")
class LearnedLogits(keras.layers.Layer):
    """Free logits, the same for every example: the prior of a top layer.

    Args:
        units: Number of units.
        num_states: 2 for binary units (one logit each), n for units of n states.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Any tensor with a batch axis; only the size of its batch is used.

    Output shape:
        `(batch, units)` for `num_states=2`, else `(batch, units, num_states)`; float32
        under every dtype policy. They start at 0, the uniform distribution.

    Raises:
        ValueError: If an argument is not a positive integer.

    Example:
    >>> import numpy as np
    >>> LearnedLogits(3)(np.zeros((2, 784))).numpy().tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, units: int, num_states: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive("units", units, int)
        self.units = int(units)
        self.num_states = check_num_states(num_states)
        self.autocast = False
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        """Adds the logits."""
        self.logits = self.add_weight(
            name="logits",
            shape=self._shape(),
            initializer="zeros",
            dtype="float32",
            autocast=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Repeats the logits for each example."""
        shape = (ops.shape(inputs)[0], *self._shape())
        return ops.broadcast_to(self.logits.value, shape)

    def _shape(self) -> tuple[int, ...]:
        return (self.units,) if self.num_states == 2 else (self.units, self.num_states)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """Has none: free logits have only the batch of the input."""

    def compute_output_spec(self, inputs: Tensor) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        return keras.KerasTensor((inputs.shape[0], *self._shape()), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "num_states": self.num_states,
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class Centering(keras.layers.Layer):
    """Subtracts a running average of the activity, a dynamic offset (appendix D.4).

    The average is subtracted as it was before the batch, no gradient flows through it,
    and outside training it stays as it is.

    Args:
        decay: Number in [0, 1): the average becomes `decay * average + (1 - decay) *
            mean`, the mean over all axes but the last.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Activity of a layer.
        training: Whether the average is updated.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        That of the input, in the compute dtype. The average is kept in float32.

    Raises:
        ValueError: If `decay` is not in [0, 1).

    Example:
    >>> import numpy as np
    >>> layer, ones = Centering(decay=0.9), np.ones((4, 1), "float32")
    >>> [round(float(layer(ones, training=True)[0, 0]), 2) for _ in range(3)]
    [1.0, 0.9, 0.81]
    """

    def __init__(self, decay: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(decay, int | float | np.floating) or not 0 <= decay < 1:
            raise ValueError(
                "Argument `decay` must be a number from 0 to below 1. "
                f"Received: decay={decay!r}"
            )
        self.decay = float(decay)
        self.autocast = False
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        """Adds the average, a weight that does not train."""
        self.average = self.add_weight(
            name="average",
            shape=(input_shape[-1],),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
            aggregation="mean",
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Subtracts the average, then updates it in training."""
        activity = ops.cast(inputs, "float32")
        centered = activity - self.average
        if training:
            axes = tuple(range(len(inputs.shape) - 1))
            mean = ops.stop_gradient(ops.mean(activity, axis=axes))
            self.average.assign(self.decay * self.average + (1.0 - self.decay) * mean)
        return ops.cast(centered, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "decay": self.decay}
