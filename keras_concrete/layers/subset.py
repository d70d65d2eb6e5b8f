"""The layer that draws k of n, without replacement."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import schedules
from keras_concrete.checks import check_choice, check_flag, check_positive
from keras_concrete.estimators.surrogate import with_gradient_of
from keras_concrete.layers.current_setting import CurrentTemperature, HasTemperature
from keras_concrete.layers.perturbed_scores import NEVER, draw_gumbels
from keras_concrete.layers.probabilities import warn_of_probabilities
from keras_concrete.layers.sample_axis import (
    HasSampleAxis,
    shape_with_samples,
    with_sample_axis,
)
from keras_concrete.seeding import SeededLayer
from keras_concrete.subsets import largest, smoothly_largest
from keras_concrete.types import Shape, Tensor

__all__ = ["SubsetSample"]

_ESTIMATORS = ("concrete", "straight_through_gumbel_softmax")


@keras.saving.register_keras_serializable(package="keras_concrete")
class SubsetSample(HasTemperature, HasSampleAxis, SeededLayer):
    """Draws k different ones of n states from n logits: sensors, pixels, tokens.

    The k are the largest of `logits + G` with Gumbel noise G (Gumbel top-k): the first is
    drawn with probabilities `softmax(logits)`, the next from the rest likewise, and so
    on. With `training=False` the state is k-hot, of zeros and exactly k ones. With
    `training=True` it is relaxed, `sigmoid((logits + G - c) / temperature)` with the
    threshold c at which its n entries, each in [0, 1], sum to k; gradients flow through
    it and through c. With equal noise the relaxed state tends to the discrete one as the
    temperature falls.

    With `ordered=True` the state has k rows, one for each that was drawn, in the order of
    the draw: one-hot rows, no two alike, with `training=False`; with `training=True` row
    j is the relaxed state of the largest j minus that of the largest j - 1, so that each
    row sums to 1 and the rows together to the relaxed state of k.

    Args:
        k: How many are drawn.
        temperature: Positive number, schedule of training steps or `keras.Variable` (see
            `keras_concrete.schedules`).
        num_samples: Number of samples for each example, put on a new axis 1; None for
            one sample and no axis.
        ordered: Whether the state has a row for each of the k.
        estimator: `"concrete"` for relaxed states in training, or
            `"straight_through_gumbel_softmax"` for discrete ones with the gradient of
            the relaxed ones.
        inference: What `training=False` returns: `"sample"`, or `"mode"` for the k
            largest logits, without noise (selectors).
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Unnormalised log-probabilities of the first draw, states on the last axis,
            any float dtype. States with logits of -inf, or -1e9, are never drawn, and
            units with fewer than k others are NaN.
        num_samples: Overrides the constructor's; may be a scalar tensor.
        training: Whether states are relaxed.

    Input shape:
        `(batch, *units, n)`.

    Output shape:
        `(batch, [num_samples,] *units, n)`, with `ordered` `(..., k, n)`, in the compute
        dtype. Noise and thresholds are computed in float32.

    Raises:
        ValueError: If an argument is out of its range, or there are not more than k
            states.

    Example:
    >>> import numpy as np
    >>> layer = SubsetSample(2, temperature=0.5, seed=0)
    >>> states = layer(np.zeros((4, 5), "float32"))
    >>> states.numpy().sum(axis=-1), sorted(set(states.numpy().ravel().tolist()))
    (array([2., 2., 2., 2.], dtype=float32), [0.0, 1.0])

    Reference:
        Kool, van Hoof & Welling, "Stochastic Beams and Where to Find Them", ICML 2019
        (Gumbel top-k); Amos, Koltun & Kolter, "The Limited Multi-Label Projection Layer",
        2019 (the threshold); Xie & Ermon, "Reparameterizable Subset Sampling via
        Continuous Relaxations", IJCAI 2019 (another relaxation).
    """

    def __init__(
        self,
        k: int,
        temperature: schedules.Setting,
        num_samples: int | None = None,
        ordered: bool = False,
        estimator: str = "concrete",
        inference: str = "sample",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        check_positive("k", k, int)
        self._set_num_samples(num_samples)
        check_flag("ordered", ordered)
        check_choice("estimator", estimator, _ESTIMATORS)
        check_choice("inference", inference, ("sample", "mode"))
        temperature = schedules.get("temperature", temperature)
        self._temperature = CurrentTemperature(self, "temperature", temperature)
        self.k = int(k)
        self.ordered = bool(ordered)
        self.estimator = estimator
        self.inference = inference
        self._has_warned = False
        self.autocast = False
        self.supports_masking = True

    def build(self, logits_shape: Shape) -> None:
        """Checks that there is a choice."""
        if (
            len(logits_shape) < 2
            or logits_shape[-1] is None
            or logits_shape[-1] <= self.k
        ):
            raise ValueError(
                "SubsetSample expects logits of shape (batch, *units, n) with more than "
                f"k={self.k} states on the last axis. Received: logits.shape="
                f"{tuple(logits_shape)}"
            )

    def call(
        self,
        logits: Tensor,
        num_samples: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Draws k of n."""
        logits = ops.cast(logits, "float32")
        if not self._has_warned:
            self._has_warned = warn_of_probabilities(self, logits, binary=False)
        num_samples = self._samples_of_call(num_samples)
        temperature = self._temperature.read(training)
        logits, shape = with_sample_axis(logits, num_samples)
        scores = ops.clip(logits, NEVER, -NEVER)
        if training or self.inference == "sample":
            scores = scores + draw_gumbels(self, shape, training)
        else:
            scores = ops.broadcast_to(scores, shape)
        state = self._state(scores, temperature, training)
        return ops.cast(self._unless_impossible(state, logits), self.compute_dtype)

    def _state(self, scores: Tensor, temperature: Tensor, training: bool) -> Tensor:
        discrete: Any = None
        if not training or self.estimator != "concrete":
            discrete = largest(scores, self.k)
            discrete = discrete if self.ordered else ops.sum(discrete, axis=-2)
        if not training:
            return discrete
        state = smoothly_largest(scores, temperature, self.k, each=self.ordered)
        if self.ordered:
            fewer = ops.concatenate([ops.zeros_like(state[..., :1, :]), state], axis=-2)
            state = ops.maximum(state - fewer[..., :-1, :], 0.0)
        return state if discrete is None else with_gradient_of(discrete, state)

    def _unless_impossible(self, state: Tensor, logits: Tensor) -> Tensor:
        """NaN in units with logits that are NaN, or with fewer than k to choose from."""
        # Here and not above: TFP takes a second to import.
        from keras_concrete.distributions.impossible import possible

        _, is_ruled_out = possible(ops.cast(logits, "float32"))
        is_possible = ops.logical_and(~is_ruled_out, logits > NEVER)
        num_possible = ops.sum(ops.cast(is_possible, "float32"), -1, keepdims=True)
        is_nan = ops.any(ops.isnan(logits), axis=-1, keepdims=True)
        is_impossible = ops.logical_or(num_possible < self.k, is_nan)
        if self.ordered:
            is_impossible = ops.expand_dims(is_impossible, -2)
        return ops.where(is_impossible, np.float32("nan"), state)

    def compute_output_spec(
        self,
        logits: Tensor,
        num_samples: Tensor | None = None,
        training: bool = False,
    ) -> keras.KerasTensor:
        shape = shape_with_samples(logits.shape, self._samples_of_call(num_samples))
        if self.ordered:
            shape = (*shape[:-1], self.k, shape[-1])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def compute_output_shape(self, logits_shape: Shape) -> Shape:
        """Shape of the output, for layers that wrap this one."""
        return tuple(self.compute_output_spec(keras.KerasTensor(logits_shape)).shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "k": self.k,
            "temperature": schedules.serialize(self.temperature),
            "num_samples": self.num_samples,
            "ordered": self.ordered,
            "estimator": self.estimator,
            "inference": self.inference,
        }
