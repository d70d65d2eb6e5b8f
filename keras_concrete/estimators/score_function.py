"""Score-function estimators: discrete states, and gradients from log q alone.

Each multiplies the gradient of log q by a learning signal; they differ in the signal and
in what is subtracted from it to lower the variance. All are unbiased for the discrete
bound, NVIL with its variance normalisation up to the scale of the posterior's gradient.
"""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import keras
from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import Estimator, Surrogate
from keras_concrete.seeding import derive_seed
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["Nvil", "Reinforce", "ReinforceRunningMean", "Vimco"]


class _ScoreFunction(Estimator):
    """States are discrete and carry no gradient; nodes are scored by their mass."""

    pathwise: ClassVar[bool] = False
    convex_when_cold: ClassVar[bool] = False

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        return unit.discrete_state(node)

    def log_prob(
        self,
        unit: "Unit",
        temperature: Tensor,
        logits: Tensor,
        node: Tensor,
        drawn_logits: Tensor,
    ) -> Tensor:
        state = ops.stop_gradient(unit.discrete_state(node))
        return unit.discrete(logits).log_prob(state)


def _score(signal: Tensor, log_prob: Tensor) -> Tensor:
    """Zero, with the gradient of `signal * log_prob` and the signal held fixed."""
    return ops.stop_gradient(signal) * (log_prob - ops.stop_gradient(log_prob))


class ReinforceSurrogate(Surrogate):
    """The bound as the learning signal of all layers, less a baseline of 0.

    The gradient is `signal * d log q + d L_m`, the second through log p and log q at
    fixed samples.
    """

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        """Forms the surrogate."""
        bound = super().call(log_joint, log_posterior, conditions)
        log_q = objectives.sum_terms(log_posterior)
        if len(log_q.shape) == 2:
            log_q = ops.sum(log_q, axis=1)
        return bound + _score(self.centered(bound), log_q)

    def centered(self, bound: Tensor) -> Tensor:
        """The bound less a baseline."""
        return bound


class RunningMeanSurrogate(ReinforceSurrogate):
    """The same, less a running mean of earlier batches' bounds.

    Args:
        decay: The mean becomes `decay * mean + (1 - decay) * batch mean`, after its use:
            a sample never sees itself, so the gradient stays unbiased.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, decay: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Adds the mean, a weight that does not train."""
        self.mean = _running(self, "mean")

    def centered(self, bound: Tensor) -> Tensor:
        """The bound less the mean of earlier batches."""
        centered = bound - self.mean
        _update(self.mean, self.decay, ops.mean(bound))
        return centered


class VimcoSurrogate(Surrogate):
    """One leave-one-out learning signal for each sample, shared by all layers.

    The signal of sample i is L_m less what L_m would be with weight i replaced by the
    geometric mean of the others. The log of a mean does not split over layers, so there
    is one signal for all of them.
    """

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses a single sample."""
        shape = joint_shapes[0]
        if len(shape) == 1 or shape[1] == 1:
            raise ValueError(
                "The estimator 'vimco' compares each sample with the others, so that it "
                "needs `num_samples` of at least 2; for one sample use 'nvil'. "
                f"Received: terms of shape {tuple(shape)}"
            )

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        """Forms the surrogate."""
        log_weights = objectives.log_weights(log_joint, log_posterior)
        bound = objectives.importance_weighted_bound(log_weights)
        signal = ops.expand_dims(bound, 1) - leave_one_out_bounds(log_weights)
        log_q = objectives.sum_terms(log_posterior)
        return bound + ops.sum(_score(signal, log_q), axis=1)


def leave_one_out_bounds(log_weights: Tensor) -> Tensor:
    """L_m with each weight in turn replaced by the geometric mean of the others.

    Args:
        log_weights: Float tensor `(batch, num_samples)`, of at least 2 samples.

    Returns:
        Tensor `(batch, num_samples)`.

    Example:
    >>> import numpy as np
    >>> bounds = leave_one_out_bounds(np.log([[1.0, 3.0]]).astype("float32"))
    >>> np.exp(bounds).round(3)
    array([[3., 1.]], dtype=float32)
    """
    size = ops.shape(log_weights)[1]
    others = ops.cast(size, log_weights.dtype) - 1.0
    total = ops.sum(log_weights, axis=1, keepdims=True)
    geometric_mean = (total - log_weights) / others
    replaced = ops.where(
        ops.eye(size, dtype="bool"),
        ops.expand_dims(geometric_mean, 2),
        ops.expand_dims(log_weights, 1),
    )
    return ops.logsumexp(replaced, axis=2) - ops.log(others + 1.0)


class NvilSurrogate(Surrogate):
    """A learning signal and a learned baseline for each layer (Algorithm 1 of NVIL).

    The signal of layer i, counted from the data, holds only what depends on its sample:
    log p(h_{i-1}, ..., h_n) - log q(h_i, ..., h_n given h_{i-1}). Subtracted from it are
    a network of what the layer is conditioned on, trained to predict the signal by the
    squared error, and a running mean; the rest is divided by a running standard
    deviation where that exceeds 1.

    Args:
        normalize_variance: Whether to divide by the standard deviation, which rescales
            the gradient of the posterior by design.
        decay: Of the running mean and variance, which are updated after their use.
        hidden_units: Size of the baseline's hidden layer of tanh units.
        kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        normalize_variance: bool = True,
        decay: float = 0.8,
        hidden_units: int = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.normalize_variance = normalize_variance
        self.decay = decay
        self.hidden_units = hidden_units

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Adds a baseline, a mean and a variance for each layer."""
        shape = joint_shapes[0]
        if len(shape) == 2 and shape[1] != 1:
            raise ValueError(
                "The estimator 'nvil' is for the bound of one sample; for more use "
                f"'vimco'. Received: terms of shape {tuple(shape)}"
            )
        if len(conditions) != len(posterior_shapes):
            raise ValueError(
                "The estimator 'nvil' learns a baseline from what each latent layer is "
                "conditioned on. Call MultiSampleBound on the triple (log_joint, "
                "log_posterior, conditions) with a condition for each term of "
                f"log_posterior, or use 'vimco', which needs none. Received: "
                f"{len(conditions)} conditions, {len(posterior_shapes)} terms"
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
            self.means.append(_running(self, f"mean_{i + 1}"))
            self.variances.append(_running(self, f"variance_{i + 1}"))

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        """Forms the surrogate."""
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
            surrogate = surrogate + _score(centered, log_q) + _score(centered, baseline)
            _update(self.means[i], self.decay, ops.mean(residual))
            _update(self.variances[i], self.decay, ops.var(residual))
        return surrogate

    def _baseline(self, i: int, condition: Tensor) -> Tensor:
        shape = (ops.shape(condition)[0], math.prod(condition.shape[1:]))
        condition = ops.stop_gradient(ops.cast(condition, "float32"))
        hidden = self.hidden[i](ops.reshape(condition, shape))
        return ops.squeeze(self.outputs[i](hidden), axis=-1)


def _running(layer: keras.layers.Layer, name: str) -> keras.Variable:
    return layer.add_weight(
        name=name,
        shape=(),
        initializer="zeros",
        dtype="float32",
        trainable=False,
        autocast=False,
        aggregation="mean",
    )


def _update(average: keras.Variable, decay: float, value: Tensor) -> None:
    average.assign(decay * average + (1.0 - decay) * ops.stop_gradient(value))


class Reinforce(_ScoreFunction):
    """REINFORCE without a baseline (Williams, 1992)."""

    name = "reinforce"
    surrogate = ReinforceSurrogate


class ReinforceRunningMean(_ScoreFunction):
    """REINFORCE less a running mean of earlier bounds."""

    name = "reinforce_running_mean"
    surrogate = RunningMeanSurrogate


class Vimco(_ScoreFunction):
    """VIMCO (Mnih & Rezende, "Variational Inference for Monte Carlo Objectives", 2016).

    For bounds of more than one sample.
    """

    name = "vimco"
    surrogate = VimcoSurrogate


class Nvil(_ScoreFunction):
    """NVIL (Mnih & Gregor, "Neural Variational Inference and Learning", ICML 2014).

    For the bound of one sample.
    """

    name = "nvil"
    surrogate = NvilSurrogate
    reads_conditions: ClassVar[bool] = True
