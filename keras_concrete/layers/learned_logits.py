"""Logits that are weights: the prior of a top layer."""

from typing import Any

import keras
from keras import ops

from keras_concrete.checks import check_num_states, check_positive
from keras_concrete.types import Shape, Tensor

__all__ = ["LearnedLogits"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class LearnedLogits(keras.layers.Layer):
    """Free logits, the same for every example: the prior of a top layer.

    Args:
        units: Number of units, or a tuple of sizes, such as `(height, width)` for a grid.
        num_states: 2 for binary units (one logit each), n for units of n states.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Any tensor with a batch axis; only the size of its batch is used.

    Output shape:
        `(batch, *units)` for `num_states=2`, else `(batch, *units, num_states)`; float32
        under every dtype policy. They start at 0, the uniform distribution.

    Raises:
        ValueError: If an argument is not a positive integer.

    Example:
    >>> import numpy as np
    >>> LearnedLogits(3)(np.zeros((2, 784))).numpy().tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(
        self, units: int | tuple[int, ...], num_states: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        sizes = tuple(units) if isinstance(units, list | tuple) else (units,)
        for size in sizes:
            check_positive("units", size, int)
        self._sizes = tuple(map(int, sizes))
        self.units = self._sizes if isinstance(units, list | tuple) else self._sizes[0]
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
        return self._sizes if self.num_states == 2 else (*self._sizes, self.num_states)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """Passes no mask on: free logits share only the batch with the input."""

    def compute_output_spec(self, inputs: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output, for layers that wrap this one."""
        return (input_shape[0], *self._shape())

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "num_states": self.num_states,
        }
