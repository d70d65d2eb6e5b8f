"""Gates that learn to be exactly 0: Hard Concrete."""

import math
from typing import Any

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_positive, check_share
from keras_concrete.graphs import piecewise_compiled
from keras_concrete.hard_gates import hard_gate, log_odds_of_open
from keras_concrete.layers.added_loss import add_loss
from keras_concrete.layers.current_setting import (
    CurrentSetting,
    CurrentTemperature,
    GivenSetting,
    HasTemperature,
)
from keras_concrete.layers.gate_axes import checked_axes, positive_axes
from keras_concrete.layers.pass_terms import are_watched
from keras_concrete.seeding import SeededLayer
from keras_concrete.step_mean import StepMean
from keras_concrete.types import Shape, Tensor

__all__ = ["HardConcrete"]

# In units of the loss. A multiplier alone climbs on while gates are still closing: fast
# enough to reach the target, it closes too many.
_DAMPING = 5.0


@keras.saving.register_keras_serializable(package="keras_concrete")
class HardConcrete(HasTemperature, SeededLayer):
    """Multiplies its input by gates in [0, 1] that learn to be exactly 0.

    A gate is a relaxed binary unit, stretched beyond both ends of [0, 1] and cut off
    there: with Logistic noise L and s = sigmoid((log alpha + L) / temperature),
    `z = min(1, max(0, s (zeta - gamma) + gamma))`, where gamma = -stretch and
    zeta = 1 + stretch. So gates are 0 or 1 with positive probability, and gradients reach
    their logits, log alpha, which are free weights. With `training=True` each example
    draws gates of its own; with `training=False` gates are
    `min(1, max(0, sigmoid(log alpha) (zeta - gamma) + gamma))`, without noise, exactly 0
    where log alpha is low. `shrink` then cuts what is behind closed gates out of the
    model.

    Gates close where that costs the model less than it saves. The saving is the expected
    number of gates that are not 0, `L0 = sum sigmoid(log alpha - temperature
    log(-gamma / zeta))` (equation 12), in one of two ways:

    * `l0_weight` adds its product with L0 to the losses of the model;
    * `target_sparsity` has a Lagrange multiplier find the weight at which that share of
      the gates is closed. With e the expected share of open gates beyond the share
      wanted, `max(0, multiplier + 5 e) e` is added to the losses, the first factor
      without gradient, and each training call adds `multiplier_rate * e` to the
      multiplier, which is never below 0 (dual ascent on an augmented Lagrangian). It
      climbs as long as too many gates are open, so that the target is reached however
      large the loss is; a larger rate reaches it sooner and may overshoot.

    `fit` and `evaluate` report L0 under the layer's name and `_l0`. Each call of the
    layer adds the cost: call one layer once in a pass, and give each place its own.

    Args:
        axis: Axis, or axes, along which gates are laid, as in
            `keras.layers.LayerNormalization`: a gate is shared by all else. The last axis
            holds the units of a Dense layer and the channels of a convolution; an axis of
            attention heads closes whole heads.
        temperature: Positive number, schedule of training steps or `keras.Variable` (see
            `keras_concrete.schedules`). The paper's is 2/3.
        stretch: Positive number; the paper's is 0.1 (gamma = -0.1, zeta = 1.1).
        l0_weight: None; or what an open gate costs: a number from 0, a schedule of
            training steps, or a `keras.Variable`.
        target_sparsity: None; or the share of gates to be closed, within (0, 1).
        multiplier_rate: Positive number, for `target_sparsity`.
        logits_initializer: Initializer of log alpha. From 0, as here, gates start at 1/2;
            to prune a trained model begin with open ones,
            `keras.initializers.Constant(3.0)`.
        logits_scale: Positive number. The weight that trains is log alpha divided by
            this: an optimizer such as Adam moves any weight by about its learning rate a
            step, and log alpha by so many times that. Use 1 with SGD, whose step moves
            log alpha by the square of the scale. Of the gates' initial value only log
            alpha counts.
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor whose parts are to be gated.
        training: Whether gates are random.

    Input shape:
        `(batch, ...)`, of known sizes along `axis`.

    Output shape:
        That of the input, in the compute dtype. Gates are computed in float32.

    Raises:
        ValueError: If an argument is out of its range, both `l0_weight` and
            `target_sparsity` are given, or the input lacks an axis or its size.

    Example:
    >>> import keras, numpy as np
    >>> open_and_closed = keras.initializers.Constant([30.0, -30.0, 0.0])
    >>> gate = HardConcrete(logits_initializer=open_and_closed, seed=0)
    >>> gate(np.ones((1, 3), "float32")).numpy()
    array([[1. , 0. , 0.5]], dtype=float32)
    >>> round(float(gate.l0), 3)
    1.832

    Reference:
        Louizos, Welling & Kingma, "Learning Sparse Neural Networks through L0
        Regularization", ICLR 2018. The multiplier is dual ascent, as in Gallego-Posada
        et al., "Controlled Sparsity via Constrained Optimization", NeurIPS 2022.
    """

    l0_weight = GivenSetting()

    def __init__(
        self,
        axis: int | tuple[int, ...] = -1,
        temperature: schedules.Setting = 2 / 3,
        stretch: float = 0.1,
        l0_weight: schedules.Setting | None = None,
        target_sparsity: float | None = None,
        multiplier_rate: float = 3e-3,
        logits_initializer: Any = "zeros",
        logits_scale: float = 10.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.axis = checked_axes(axis)
        for name, value in (
            ("stretch", stretch),
            ("multiplier_rate", multiplier_rate),
            ("logits_scale", logits_scale),
        ):
            check_positive(name, value)
        _check_penalty(l0_weight, target_sparsity)
        if l0_weight is not None:
            l0_weight = schedules.get("l0_weight", l0_weight, can_be_zero=True)
        temperature = schedules.get("temperature", temperature)
        self._temperature = CurrentTemperature(self, "temperature", temperature)
        self._l0_weight = CurrentSetting(self, "l0_weight", l0_weight)
        self.stretch = float(stretch)
        self.target_sparsity = target_sparsity
        self.multiplier_rate = float(multiplier_rate)
        self.logits_initializer = keras.initializers.get(logits_initializer)
        self.logits_scale = float(logits_scale)
        self.multiplier: Any = None
        self._mean = StepMean(name=f"{self.name}_l0")
        self.autocast = False
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Adds the gates' logits, and the multiplier."""
        axes = positive_axes(self.name, self.axis, input_shape)
        sizes = tuple(input_shape[axis] for axis in axes)
        kept = [size if i in axes else 1 for i, size in enumerate(input_shape)]
        self._broadcast_shape = tuple(kept[1:])
        self._scaled_logits = self.add_weight(
            name="scaled_logits",
            shape=sizes,
            initializer=self._scaled_initializer,
            dtype="float32",
            autocast=False,
        )
        if self.target_sparsity is not None:
            self.multiplier = self.add_weight(
                name="multiplier",
                shape=(),
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
                # Alike on all replicas of a strategy. Were they to meet here, in the
                # midst of a pass, Keras would mix up the losses that layers add.
                aggregation="none",
            )

    def _scaled_initializer(self, shape: Shape, dtype: str | None = None) -> Tensor:
        return self.logits_initializer(shape, dtype=dtype) / self.logits_scale

    @property
    def logits(self) -> Tensor:
        """The log alpha of each gate, of the sizes of the gates' axes."""
        return self._scaled_logits.value * self.logits_scale

    @property
    def gates(self) -> Tensor:
        """The gates of the discrete graph, of the sizes of the gates' axes."""
        return hard_gate(ops.sigmoid(self.logits), self.stretch)

    @property
    def l0(self) -> Tensor:
        """The expected number of gates that are not 0 in training, a scalar."""
        return ops.sum(self._probabilities_of_open(self._temperature.read()))

    def _probabilities_of_open(self, temperature: Tensor) -> Tensor:
        return ops.sigmoid(log_odds_of_open(self.logits, temperature, self.stretch))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Multiplies by the gates."""
        temperature = self._temperature.read(training)
        gates = self._drawn(ops.shape(inputs)[0], temperature) if training else self.gates
        self._charge(self._probabilities_of_open(temperature), training)
        gates = ops.reshape(gates, (-1, *self._broadcast_shape))
        dtype = self.compute_dtype
        return ops.cast(inputs, dtype) * ops.cast(gates, dtype)

    def _drawn(self, batch: Tensor, temperature: Tensor) -> Tensor:
        estimator = estimators.get("concrete")
        unit = estimator.unit(binary=True)
        logits = self.logits
        shape = (batch, *logits.shape)
        with piecewise_compiled(True):
            noise = estimator.noise(unit, shape, self.next_key())
            node = estimator.node(unit, logits, noise, temperature)
        return hard_gate(estimator.state(unit, node), self.stretch)

    def _charge(self, probabilities: Tensor, training: bool) -> None:
        """Reports what is open, adds its cost to the losses, and moves the multiplier."""
        cost = l0 = ops.sum(probabilities)
        self._mean.add_call(l0, training)
        weight = self._l0_weight.read(training)
        if self.target_sparsity is not None:
            wanted = 1.0 - self.target_sparsity
            cost = l0 / math.prod(probabilities.shape) - wanted
            surplus = ops.stop_gradient(cost)
            multiplier = ops.convert_to_tensor(self.multiplier.value)
            weight = ops.maximum(multiplier + _DAMPING * surplus, 0.0)
            if training and self.trainable:
                climbed = multiplier + self.multiplier_rate * surplus
                self.multiplier.assign(ops.maximum(climbed, 0.0))
        # A pass that is watched has no loss, and may be in a loop.
        if weight is None or are_watched():
            return
        add_loss(self, weight * cost, training, "put the gates before or behind it")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "temperature": schedules.serialize(self.temperature),
            "stretch": self.stretch,
            "l0_weight": schedules.serialize(self.l0_weight),
            "target_sparsity": self.target_sparsity,
            "multiplier_rate": self.multiplier_rate,
            "logits_initializer": keras.initializers.serialize(self.logits_initializer),
            "logits_scale": self.logits_scale,
        }


def _check_penalty(l0_weight: Any, target_sparsity: Any) -> None:
    if target_sparsity is None:
        return
    if l0_weight is not None:
        raise ValueError(
            "Arguments `l0_weight` and `target_sparsity` exclude one another: the weight "
            "that holds a target is found by its multiplier. Received: "
            f"l0_weight={l0_weight!r}, target_sparsity={target_sparsity!r}"
        )
    check_share("target_sparsity", target_sparsity, "a share of the gates")
