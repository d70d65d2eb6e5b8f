"""The layer from states to the corners of a hypercube."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.checks import check_bits, check_flag
from keras_concrete.layers.origin import check_states, origins
from keras_concrete.types import Tensor

__all__ = ["HypercubeCode"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class HypercubeCode(keras.layers.Layer):
    """Maps states to the corners of the hypercube {-1, 1}^log2(n), as the paper does.

    A binary state x becomes 2x - 1. An n-ary state becomes C x, where column k of C
    spells k in binary with -1 for 0, most significant bit first (appendix D.2). Relaxed
    states become points between the corners.

    Args:
        num_states: 2 for binary states, or a larger power of 2 for one-hot states.
        flatten: Whether the bits of the units on the last axis of units are joined: right
            for a vector of units. With False each unit keeps its place and has its bits
            on a new last axis, as the channels of a grid do.
        kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., units)` for `num_states=2`, else `(batch, ..., units, num_states)`.

    Output shape:
        `(batch, ..., units * log2(num_states))`, in the compute dtype; with
        `flatten=False` `(batch, ..., units, log2(num_states))`, and for binary states the
        shape of the input.

    Raises:
        ValueError: If `num_states` is not a power of 2, or not that of the states.

    Example:
    >>> import numpy as np
    >>> HypercubeCode()(np.array([[0.0, 1.0, 0.5]])).numpy().tolist()
    [[-1.0, 1.0, 0.0]]
    >>> HypercubeCode(num_states=4)(np.eye(4)[None, [2]]).numpy().tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, num_states: int = 2, flatten: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        purpose = "the states are the corners of a hypercube"
        self._bits = check_bits("num_states", num_states, purpose)
        check_flag("flatten", flatten)
        self.num_states = int(num_states)
        self.flatten = bool(flatten)
        self.supports_masking = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Maps states to codes; refuses those of other units than it was told of."""
        for origin in origins((args, kwargs)):
            check_states(self, origin)
        return super().__call__(*args, **kwargs)

    def build(self, input_shape: tuple) -> None:
        """Checks the size of the states."""
        least = 2 if self.num_states == 2 or not self.flatten else 3
        size = input_shape[-1] if input_shape else None
        is_of_states = self.num_states in (2, size)
        if len(input_shape) < least or not is_of_states:
            axes = "batch, ..., units"
            axes += f", {self.num_states}" if self.num_states > 2 else ""
            raise ValueError(
                f"HypercubeCode(num_states={self.num_states}) expects states of shape "
                f"({axes}). Received: {tuple(input_shape)}"
            )

    def call(self, state: Tensor) -> Tensor:
        """Maps states to codes."""
        state = ops.cast(state, self.compute_dtype)
        if self.num_states == 2:
            return 2.0 * state - 1.0
        corners = _corners(self._bits)
        codes = ops.matmul(state, ops.cast(corners, state.dtype))
        if not self.flatten:
            return codes
        # The state's shape: tf2onnx loses that of the product inside of a loop.
        *leading, units, _ = ops.shape(state)
        return ops.reshape(codes, (*leading, units * corners.shape[1]))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on; one of n-ary units has no place in their codes."""
        is_of_units = self.num_states > 2 and self.flatten and len(inputs.shape) == 3
        return None if is_of_units else mask

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        if self.num_states == 2:
            return tuple(input_shape)
        if not self.flatten:
            return (*input_shape[:-1], self._bits)
        units = input_shape[-2]
        return (*input_shape[:-2], None if units is None else units * self._bits)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_states": self.num_states,
            "flatten": self.flatten,
        }


def _corners(bits: int) -> np.ndarray:
    """The transpose of C: row k is the corner that spells k."""
    shifts = np.arange(bits)[::-1]
    return 2.0 * ((np.arange(2**bits)[:, None] >> shifts) & 1) - 1.0
