"""NVIL: a learning signal and a learned baseline for each layer."""

import math
from typing import ClassVar

import keras
from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.score_function import (
    ScoreFunction,
    score,
    update_average,
)
from keras_concrete.estimators.surrogate import Surrogate
from keras_concrete.moving_average import moving_average
from keras_concrete.seeding import derive_seed
from keras_concrete.types import Tensor

__all__ = ["Nvil"]


class NvilSurrogate(Surrogate):
    """A learning signal and a learned baseline for each layer (Algorithm 1 of NVIL).

    The signal of layer i, counted from the data, holds only what depends on its sample:
    log p(h_{i-1}, ..., h_n) - log q(h_i, ..., h_n given h_{i-1}). Subtracted from it are
    a network of what the layer is conditioned on, trained to predict the signal by the
    squared error, and a running mean; the rest is divided by a running standard
    deviation where that exceeds 1.

    Attributes:
        normalize_variance: Whether to divide by the standard deviation, which rescales
            the gradient of the posterior by design.
        decay: Of the running mean and variance, which are updated after their use.
        hidden_units: Size of the baseline's hidden layer of tanh units.
    """

    normalize_variance: ClassVar[bool] = True
    decay: ClassVar[float] = 0.8
    hidden_units: ClassVar[int] = 100

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Adds a baseline, a mean and a variance for each layer."""
        _check_one_sample(joint_shapes[0])
        if len(conditions) != len(posterior_shapes):
            raise ValueError(
                "The estimator 'nvil' learns a baseline from what each latent layer is "
                "conditioned on. Call MultiSampleBound on the triple (log_joint, "
                "log_posterior, conditions) with a condition for each term of "
                f"log_posterior, or use 'vimco', which needs none. Received: "
                f"{len(conditions)} conditions, {len(posterior_shapes)} terms"
            )
        for condition in conditions:
            if None in condition[1:]:
                raise ValueError(
                    "The estimator 'nvil' has a network of what each layer is "
                    "conditioned on, whose size must be known: use 'vimco'. Received: a "
                    f"condition of shape {tuple(condition)}"
                )
        self.hidden, self.outputs, self.means, self.variances = [], [], [], []
        for i, condition in enumerate(conditions):
            hidden = keras.layers.Dense(
                self.hidden_units,
                "tanh",
                kernel_initializer=keras.initializers.GlorotUniform(
                    derive_seed(self.seed, i)
                ),
                dtype="float32",
                name=f"hidden_{i + 1}",
            )
            hidden.build((None, math.prod(condition[1:])))
            # Starts at 0: until it has learned, there is no baseline.
            output = keras.layers.Dense(
                1, kernel_initializer="zeros", dtype="float32", name=f"baseline_{i + 1}"
            )
            output.build((None, self.hidden_units))
            self.hidden.append(hidden)
            self.outputs.append(output)
            self.means.append(moving_average(self, f"mean_{i + 1}"))
            self.variances.append(moving_average(self, f"variance_{i + 1}"))

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        _check_one_sample(log_joint[0].shape)
        log_joint, log_posterior = (
            [ops.reshape(term, (-1,)) for term in terms]
            for terms in (log_joint, log_posterior)
        )
        fixed = ops.stop_gradient(objectives.sum_terms(log_posterior))
        surrogate = objectives.sum_terms(log_joint) - fixed
        for i, (log_q, condition) in enumerate(
            zip(log_posterior, conditions, strict=True)
        ):
            signal = ops.stop_gradient(
                objectives.log_weights(log_joint[i:], log_posterior[i:])
            )
            baseline = self._baseline(i, condition)
            residual = signal - ops.stop_gradient(baseline)
            centered = residual - self.means[i]
            if self.normalize_variance:
                centered = centered / ops.maximum(1.0, ops.sqrt(self.variances[i].value))
            # The gradient of the squared error is the residual times the baseline's.
            surrogate = surrogate + score(centered, log_q) + score(centered, baseline)
            update_average(self, self.means[i], self.decay, residual)
            squares = ops.square(residual - ops.mean(residual))
            update_average(self, self.variances[i], self.decay, squares)
        return surrogate

    def _baseline(self, i: int, condition: Tensor) -> Tensor:
        shape = (ops.shape(condition)[0], math.prod(condition.shape[1:]))
        condition = ops.stop_gradient(ops.cast(condition, "float32"))
        hidden = self.hidden[i](ops.reshape(condition, shape))
        return ops.squeeze(self.outputs[i](hidden), axis=-1)


def _check_one_sample(shape: tuple) -> None:
    """Refuses terms of several samples, or of a number that is not known."""
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            "The estimator 'nvil' is for the bound of one sample, a number that must be "
            "known where the model is made; for more use 'vimco'. Received: terms of "
            f"shape {tuple(shape)}"
        )


class Nvil(ScoreFunction):
    """NVIL (Mnih & Gregor, "Neural Variational Inference and Learning", ICML 2014).

    For the bound of one sample. The terms of log p before the i-th must not depend on the
    i-th layer of q or a later one, as in a chain of layers; `MultiSampleBound` says what
    to pass where they do.
    """

    name = "nvil"
    surrogate = NvilSurrogate
    reads_conditions: ClassVar[bool] = True
    signals_only: ClassVar[bool] = True
