"""What stands in for the bound, so that its gradient is an estimator's."""

from typing import Any

import keras
from keras import ops

from keras_concrete import objectives
from keras_concrete.types import Tensor

__all__ = ["Surrogate", "bound_with_gradient_of", "with_gradient_of"]


class Surrogate(keras.layers.Layer):
    """A stand-in for the bound: its value is L_m, its gradient the estimator's.

    This base class is the bound itself, whose gradient flows through the states.

    Args:
        seed: Integer for the initial weights, if there are any, or None.
        num_states: Number of states of the units that are drawn first.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, seed: int | None = None, num_states: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.num_states = num_states
        self.autocast = False

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Checks the shapes of the terms; adds weights, if there are any.

        Args:
            joint_shapes: Shapes of the terms of log p.
            posterior_shapes: Shapes of the terms of log q.
            conditions: Shapes of what each layer of q is conditioned on; may be empty.
        """

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        """Forms the surrogate.

        Args:
            log_joint: Terms of log p(x, z), `(batch, num_samples)` or `(batch,)`.
            log_posterior: Terms of log q(z given x), of the same shape.
            conditions: What each layer of q is conditioned on; may be empty.

        Returns:
            Tensor of shape `(batch,)`, in nats.
        """
        return objectives.importance_weighted_bound(
            objectives.log_weights(log_joint, log_posterior)
        )


def with_gradient_of(value: Tensor, smooth: Tensor) -> Tensor:
    """Returns `value`, bit by bit, with the gradient of `smooth`, which is finite."""
    return ops.stop_gradient(value) + (smooth - ops.stop_gradient(smooth))


def bound_with_gradient_of(log_weights: Tensor, smooth: Tensor) -> Tensor:
    """Returns L_m of log-weights, with the gradient of `smooth`, `(batch,)`."""
    return with_gradient_of(objectives.importance_weighted_bound(log_weights), smooth)
