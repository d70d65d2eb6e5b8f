"""The bijector from a binary node to its relaxed state."""

from typing import Any

from keras import ops

from keras_concrete.backend import tfp
from keras_concrete.types import Tensor

__all__ = ["Sigmoid"]

tfb: Any = tfp.bijectors


class Sigmoid(tfb.Bijector):
    """The bijector from a node to its relaxed state, with gradients that stay finite.

    The gradient of TFP's own is NaN from 89 upward in float32.

    Example:
    >>> float(Sigmoid().forward(0.0))
    0.5
    """

    def __init__(self, validate_args: bool = False, name: str = "Sigmoid") -> None:
        super().__init__(
            forward_min_event_ndims=0,
            validate_args=validate_args,
            parameters=dict(locals()),
            name=name,
        )

    @classmethod
    def _is_increasing(cls) -> bool:
        return True

    def _forward(self, node: Tensor) -> Tensor:
        return ops.sigmoid(node)

    def _inverse(self, state: Tensor) -> Tensor:
        return ops.log(state) - ops.log1p(-state)

    def _forward_log_det_jacobian(self, node: Tensor) -> Tensor:
        return -ops.softplus(node) - ops.softplus(-node)
