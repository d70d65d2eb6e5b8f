"""The bijector from n - 1 real numbers to the simplex of n coordinates."""

from typing import Any

from keras import ops

from keras_concrete.backend import tf, tfp
from keras_concrete.types import Tensor

__all__ = ["SoftmaxCentered"]

tfb: Any = tfp.bijectors


class SoftmaxCentered(tfb.Bijector):
    """Softmax of n - 1 numbers and a 0: the simplex without constraints.

    The Jacobian is that of the first n - 1 coordinates, over which `Concrete` integrates
    to 1. TFP's own bijector of this name cannot be made with NumPy 2.4.

    Args:
        validate_args: Whether arguments are checked at run time.
        name: Name prefixed to operations.

    Example:
    >>> SoftmaxCentered().forward([0.0]).numpy()
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(
        self, validate_args: bool = False, name: str = "SoftmaxCentered"
    ) -> None:
        super().__init__(
            forward_min_event_ndims=1,
            validate_args=validate_args,
            parameters=dict(locals()),
            name=name,
        )

    def _forward(self, x: Tensor) -> Tensor:
        return ops.softmax(_with_zero(x))

    def _inverse(self, state: Tensor) -> Tensor:
        checks = []
        if self.validate_args:
            total = tf.reduce_sum(state, axis=-1)
            message = "The last axis must sum to `1`."
            checks = [
                tf.debugging.assert_non_negative(state),
                tf.debugging.assert_near(total, 1.0, atol=1e-4, message=message),
            ]
        with tf.control_dependencies(checks):
            log_state = ops.log(state)
        return log_state[..., :-1] - log_state[..., -1:]

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return ops.sum(ops.log_softmax(_with_zero(x)), axis=-1)

    def _forward_event_shape(self, shape: tf.TensorShape) -> tf.TensorShape:
        return _with_size(shape, 1)

    def _inverse_event_shape(self, shape: tf.TensorShape) -> tf.TensorShape:
        return _with_size(shape, -1)

    def _forward_event_shape_tensor(self, shape: Tensor) -> Tensor:
        return tf.concat([shape[:-1], shape[-1:] + 1], axis=0)

    def _inverse_event_shape_tensor(self, shape: Tensor) -> Tensor:
        return tf.concat([shape[:-1], shape[-1:] - 1], axis=0)


def _with_zero(x: Tensor) -> Tensor:
    return ops.concatenate([x, ops.zeros_like(x[..., :1])], axis=-1)


def _with_size(shape: tf.TensorShape, more: int) -> tf.TensorShape:
    """A shape whose last axis has more coordinates, or fewer."""
    size = None if shape[-1] is None else shape[-1] + more
    return shape[:-1].concatenate([size])
