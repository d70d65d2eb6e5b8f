"""The loss of a model that ends in a bound."""

from typing import Any

import keras

from keras_concrete.types import Tensor

__all__ = ["NegativeBound"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class NegativeBound(keras.losses.Loss):
    """The loss of a model that ends in its bound: minus the bound.

    `compile(optimizer, loss=NegativeBound())` and `fit(x)`; or `fit(x, x,
    sample_weight=...)`: the targets are not used, but Keras drops `sample_weight` where
    there are none.

    Args:
        reduction: As in every Keras loss; by default the mean over the batch.
        name: Name of the loss.
        dtype: Dtype in which it is computed.

    Call arguments:
        y_true: Anything or None, not used.
        y_pred: The bound of each example, shape `(batch,)`, in nats.
        sample_weight: Weight of each example, shape `(batch,)`.

    Returns:
        The loss in nats.

    Example:
    >>> import numpy as np
    >>> bound = np.array([-90.0, -110.0], "float32")
    >>> float(NegativeBound()(bound, bound))
    100.0
    """

    def __init__(
        self,
        reduction: str = "sum_over_batch_size",
        name: str = "negative_bound",
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def __call__(
        self, y_true: Tensor | None, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Returns the loss; without targets too, as Keras's own losses cannot."""
        y_true = y_pred if y_true is None else y_true
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns minus the bound of each example."""
        return -y_pred
