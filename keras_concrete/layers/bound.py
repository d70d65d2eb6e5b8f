"""The layer in which a model of latent variables ends."""

from typing import Any

import keras

from keras_concrete import estimators, objectives
from keras_concrete.layers.shapes import check_inputs, is_shape
from keras_concrete.types import Tensor

__all__ = ["MultiSampleBound"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class MultiSampleBound(keras.layers.Layer):
    """The multi-sample bound L_m of each example, with the gradient of an estimator.

    `log((1 / m) sum_i p(x, z_i) / q(z_i | x))` (equation 8), m the size of the sample
    axis; with one sample the ELBO. The value is always this; the gradient in training
    is what the estimator makes of it. Some estimators own weights (NVIL its baselines),
    which train with the model.

    Args:
        estimator: Name of the gradient estimator: that of the model's samplers and
            log-probabilities.
        seed: Integer for the initial weights that some estimators own, or None.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The pair `(log_joint, log_posterior)`, each a tensor or a list of
            tensors, one per layer of the network, the terms of log p(x, z) and of
            log q(z given x); or the triple `(log_joint, log_posterior, conditions)`,
            which the estimator `"nvil"` needs, with what each layer of q is conditioned
            on. `"nvil"` also needs the order of the lists: from the data, `log p(x | h1),
            log p(h1 | h2), ...` against `log q(h1 | x), log q(h2 | h1), ...` and
            `x, h1, ...`.

    Input shape:
        Each term `(batch, num_samples)` or `(batch,)`; conditions `(batch, ...)`.

    Output shape:
        `(batch,)`, float32, in nats.

    Raises:
        ValueError: If the terms differ in shape, or the estimator is not for their
            number of samples (`"vimco"` for 2 or more, `"nvil"` for 1).

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

    def __init__(
        self, estimator: str = "concrete", seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        surrogate = estimators.get(estimator).surrogate
        self.surrogate = surrogate(seed=seed, name="surrogate")
        self.estimator = estimator
        self.seed = seed
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Builds the surrogate, which may have weights."""
        names = "a term or terms of log p", "the same of log q", "conditions?"
        check_inputs(self, input_shape, *names)
        self.surrogate.build(*(_as_list(shapes) for shapes in _three(input_shape)))

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """Forms the bound from the terms of log p and of log q."""
        terms = [_as_list(terms) for terms in _three(inputs)]
        if training:
            return self.surrogate(*terms)
        log_weights = objectives.log_weights(terms[0], terms[1])
        return objectives.importance_weighted_bound(log_weights)

    def compute_output_spec(
        self, inputs: Any, training: bool = False
    ) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        first = _as_list(inputs[0])[0]
        return keras.KerasTensor(tuple(first.shape)[:1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "estimator": self.estimator, "seed": self.seed}


def _three(inputs: Any) -> tuple:
    return (*inputs, []) if len(inputs) == 2 else tuple(inputs)


def _as_list(terms: Any) -> list:
    """A list of tensors, or of shapes, of one or several."""
    is_one = not isinstance(terms, list | tuple) or is_shape(terms)
    return [terms] if is_one else list(terms)
