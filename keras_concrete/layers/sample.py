"""Layers that turn logits into states: relaxed in training, discrete otherwise."""

from numbers import Integral
from typing import Any, ClassVar

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_choice, check_count, check_positive
from keras_concrete.layers.probabilities import warn_of_probabilities
from keras_concrete.layers.thermostat import Thermostat
from keras_concrete.seeding import SeededLayer
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Tensor

__all__ = ["BinaryConcreteSample", "ConcreteSample"]


class _Sample(SeededLayer):
    """The two graphs of figures 1 and 3 over either kind of unit."""

    _binary: ClassVar[bool]

    def __init__(
        self,
        temperature: schedules.Temperature,
        num_samples: int | None = None,
        return_node: bool = False,
        estimator: str = "concrete",
        inference: str = "sample",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        if num_samples is not None:
            check_positive("num_samples", num_samples, int)
        check_choice("inference", inference, ("sample", "mode"))
        self._estimator = estimators.get(estimator, self._binary)
        self.temperature = schedules.get("temperature", temperature)
        if self._estimator.convex_when_cold:
            warn_if_too_warm(self.temperature)
        self.num_samples = num_samples
        self.return_node = return_node
        self.estimator = estimator
        self.inference = inference
        self._has_warned = False
        self._adds_axis = num_samples is not None
        self.autocast = False
        self.supports_masking = True

    def build(self, logits_shape: tuple) -> None:
        """Adds the temperature, a weight that does not train."""
        self._check_rank(logits_shape)
        self._thermostat = Thermostat(self, self.temperature)
        self.current_temperature = self._thermostat.current

    def call(
        self, logits: Tensor, num_samples: Tensor | None = None, training: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Draws states.

        Args:
            logits: Tensor whose axes the class docstring describes.
            num_samples: Number of samples for each example at this call, an integer or
                an integer scalar tensor, in place of the constructor's.
            training: True for relaxed states, False for discrete ones.

        Returns:
            The state in the compute dtype; with `return_node` the pair of state and
            node, the node in float32.
        """
        estimator = self._estimator
        unit_of = estimator.unit if training else estimator.discrete_unit
        unit = unit_of(self._binary)
        logits = ops.cast(logits, "float32")
        if not self._has_warned:
            num_states = 2 if self._binary else logits.shape[-1]
            self._has_warned = warn_of_probabilities(self, logits, num_states)
        num_samples = self._samples_of_call(num_samples)
        shape = ops.shape(logits)
        if num_samples is not None:
            logits = ops.expand_dims(logits, 1)
            shape = (shape[0], num_samples, *shape[1:])
        if self.inference == "mode" and not training:
            noise = unit.mode_noise(shape)
        else:
            noise = unit.noise(shape, self.next_key())
        temperature = self._thermostat.read(training)
        if training:
            node = estimator.node(unit, logits, noise, temperature)
            state = estimator.state(unit, node)
        else:
            node = unit.node(logits, noise, temperature)
            state = unit.discrete_state(node)
        state = ops.cast(state, self.compute_dtype)
        return (state, node) if self.return_node else state

    def _check_rank(self, logits_shape: tuple) -> None:
        raise NotImplementedError

    def _samples_of_call(self, num_samples: Tensor | None) -> Tensor | None:
        """The number at a call, or the constructor's; keeps what the mask depends on."""
        if num_samples is None:
            num_samples = self.num_samples
        else:
            check_count("num_samples", num_samples)
        self._adds_axis = num_samples is not None
        return num_samples

    def compute_output_spec(
        self, logits: Tensor, num_samples: Tensor | None = None, training: bool = False
    ) -> Any:
        """Shape and dtype of the output: the node is float32 under every policy."""
        shape = tuple(logits.shape)
        num_samples = self._samples_of_call(num_samples)
        if num_samples is not None:
            size = num_samples if isinstance(num_samples, Integral) else None
            shape = (shape[0], size, *shape[1:])
        state = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if self.return_node:
            unit = self._estimator.unit(self._binary)
            return state, keras.KerasTensor(unit.node_shape(shape), dtype="float32")
        return state

    def compute_output_shape(self, logits_shape: tuple) -> Any:
        """Shape of the output, for layers that wrap this one."""
        logits = keras.KerasTensor(logits_shape, dtype="float32")
        return keras.tree.map_structure(
            lambda tensor: tuple(tensor.shape), self.compute_output_spec(logits)
        )

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on to each output; a sample axis takes none."""
        mask = None if self._adds_axis else mask
        return (mask, mask) if self.return_node else mask

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "temperature": schedules.serialize(self.temperature),
            "num_samples": self.num_samples,
            "return_node": self.return_node,
            "estimator": self.estimator,
            "inference": self.inference,
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class BinaryConcreteSample(_Sample):
    """Draws the states of binary units from their log-odds.

    With `training=True` the state is relaxed, `sigmoid((logits + L) / temperature)`
    with Logistic noise L, and gradients flow through it. With `training=False` it is
    discrete: the same value rounded to 0 or 1, which is 1 with probability
    `sigmoid(logits)` at any temperature. Noise and node are computed in float32 under
    every dtype policy.

    Args:
        temperature: Positive number, or a schedule of training steps (see
            `keras_concrete.schedules`). The paper found 2/3 good for a posterior, 1/2 for
            a prior; up to 1 no unit can prefer the interior of (0, 1). It is held in
            the weight `current_temperature`, which may be assigned to.
        num_samples: Number of samples for each example, put on a new axis 1; None for
            one sample and no axis.
        return_node: Whether to return the pair `(state, node)`. The node, the value
            before the sigmoid, is what `ConcreteLogProb` and `RelaxedKL` score.
        estimator: Name of the gradient estimator that the model trains with.
        inference: What `training=False` returns: `"sample"`, or `"mode"` for the more
            probable state, without noise (hashes, gates, selectors).
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Log-odds of state 1, any float dtype.
        num_samples: Overrides the constructor's; may be a scalar tensor.
        training: Whether states are relaxed.

    Input shape:
        `(batch, ..., units)`, any leading axes.

    Output shape:
        That of the input, or `(batch, num_samples, ..., units)`. The state has the
        compute dtype, the node float32.

    Raises:
        ValueError: If an argument is out of its range, or the input has no axis for
            the units.

    Example:
    >>> import keras, numpy as np
    >>> layer = BinaryConcreteSample(temperature=2 / 3, seed=0)
    >>> logits = np.array([[-30.0, 0.0, 30.0]], "float32")
    >>> layer(logits).shape, layer(logits, num_samples=5).shape
    (TensorShape([1, 3]), TensorShape([1, 5, 3]))
    >>> sorted(set(layer(logits, num_samples=5).numpy().ravel().tolist()))
    [0.0, 1.0]

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: equation 16.
    """

    _binary = True

    def _check_rank(self, logits_shape: tuple) -> None:
        if len(logits_shape) < 2:
            raise ValueError(
                "BinaryConcreteSample expects logits of shape (batch, ..., units). "
                f"Received: logits.shape={tuple(logits_shape)}"
            )


@keras.saving.register_keras_serializable(package="keras_concrete")
class ConcreteSample(_Sample):
    """Draws the states of units with n states each from their n logits.

    With `training=True` the state is relaxed, `softmax((logits + G) / temperature)`
    with Gumbel noise G, and gradients flow through it. With `training=False` it is
    discrete: the one-hot vector of the largest coordinate, drawn with probabilities
    `softmax(logits)` at any temperature. Noise and node are computed in float32 under
    every dtype policy.

    Args:
        temperature: Positive number, or a schedule of training steps (see
            `keras_concrete.schedules`). The paper found 1 good for a posterior over 4
            states (prior 2/3) and 2/3 over 8 (prior 2/5). It is held in the weight
            `current_temperature`, which may be assigned to.
        num_samples: Number of samples for each example, put on a new axis 1; None for
            one sample and no axis.
        return_node: Whether to return the pair `(state, node)`. The node, the logarithm
            of the relaxed state, is what `ConcreteLogProb` and `RelaxedKL` score.
        estimator: Name of the gradient estimator that the model trains with.
        inference: What `training=False` returns: `"sample"`, or `"mode"` for the most
            probable state, without noise (hashes, gates, selectors).
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Unnormalised log-probabilities, states on the last axis, any float
            dtype.
        num_samples: Overrides the constructor's; may be a scalar tensor.
        training: Whether states are relaxed.

    Input shape:
        `(batch, ..., num_states)`, usually `(batch, units, num_states)`.

    Output shape:
        That of the input, or `(batch, num_samples, ..., num_states)`. The state has the
        compute dtype, the node float32.

    Raises:
        ValueError: If an argument is out of its range, or the input has no axis of at
            least 2 states.

    Example:
    >>> import numpy as np
    >>> layer = ConcreteSample(temperature=1.0, seed=0)
    >>> state = layer(np.zeros((2, 3, 4), "float32"))
    >>> state.shape, state.numpy().sum(-1).tolist()
    (TensorShape([2, 3, 4]), [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: equation 10.
    """

    _binary = False

    def _check_rank(self, logits_shape: tuple) -> None:
        if len(logits_shape) < 2 or logits_shape[-1] is None or logits_shape[-1] < 2:
            raise ValueError(
                "ConcreteSample expects logits of shape (batch, ..., num_states) with "
                "at least 2 states on the last axis; for log-odds of binary units use "
                f"BinaryConcreteSample. Received: logits.shape={tuple(logits_shape)}"
            )
