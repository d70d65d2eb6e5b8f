"""The layer in which a model of latent variables ends."""

from typing import Any

import keras

from keras_concrete import estimators, objectives
from keras_concrete.types import Tensor

__all__ = ["MultiSampleBound"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class MultiSampleBound(keras.layers.Layer):
    """The multi-sample bound L_m of each example, with the gradient of an estimator.

    `log((1 / m) sum_i p(x, z_i) / q(z_i | x))` (equation 8), m the size of the sample
    axis; with one sample the ELBO. The value is always this; the gradient in training
    is what the estimator makes of it.

    Args:
        estimator: Name of the gradient estimator: that of the model's samplers and
            log-probabilities.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The pair `(log_joint, log_posterior)`, each a tensor or a list of
            tensors, one per layer of the network: the terms of log p(x, z) and of
            log q(z given x).

    Input shape:
        Each tensor `(batch, num_samples)` or `(batch,)`.

    Output shape:
        `(batch,)`, float32, in nats.

    Raises:
        ValueError: If the terms differ in shape.

    Example:
    >>> import numpy as np
    >>> log_joint = np.log([[0.02, 0.06]]).astype("float32")
    >>> log_posterior = np.log([[0.5, 0.5]]).astype("float32")
    >>> bound = MultiSampleBound()((log_joint, log_posterior))
    >>> round(float(np.exp(bound[0])), 3)
    0.08

    Reference:
        Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016.
    """

    def __init__(self, estimator: str = "concrete", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._estimator = estimators.get(estimator)
        self.estimator = estimator
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Has no weights."""

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """Forms the bound from the terms of log p and of log q."""
        log_joint, log_posterior = (_as_list(terms) for terms in inputs)
        if training:
            return self._estimator.bound(log_joint, log_posterior)
        log_weights = objectives.log_weights(log_joint, log_posterior)
        return objectives.importance_weighted_bound(log_weights)

    def compute_output_spec(
        self, inputs: Any, training: bool = False
    ) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        first = _as_list(inputs[0])[0]
        return keras.KerasTensor(tuple(first.shape)[:1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "estimator": self.estimator}


def _as_list(terms: Any) -> list[Tensor]:
    return list(terms) if isinstance(terms, list | tuple) else [terms]
