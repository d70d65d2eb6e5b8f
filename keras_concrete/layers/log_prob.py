"""The layer that scores a node: its log-probability."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_num_states
from keras_concrete.layers.shapes import check_inputs, match_node
from keras_concrete.layers.thermostat import Thermostat
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Tensor

__all__ = ["ConcreteLogProb", "Score"]


class Score(keras.layers.Layer):
    """A layer from several inputs, the node first, to a float32 sum over the units."""

    def __init__(
        self, num_states: int = 2, estimator: str = "concrete", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_states = check_num_states(num_states)
        self._estimator = estimators.get(estimator, num_states == 2)
        self.estimator = estimator
        self.autocast = False

    def _unit_shape(self) -> tuple[int, ...]:
        """Shape of the logits of one unit."""
        return () if self.num_states == 2 else (self.num_states,)

    def _node_shape(self) -> tuple[int, ...]:
        """Shape of the node of one unit."""
        unit = self._estimator.unit(binary=self.num_states == 2)
        return unit.node_shape(self._unit_shape())

    def compute_output_spec(
        self, inputs: tuple[Tensor, ...], training: bool = False
    ) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        axes = 1 + len(self._node_shape())
        return keras.KerasTensor(tuple(inputs[0].shape)[:-axes], dtype="float32")

    def _checked_node(self, node: Tensor) -> Tensor:
        shape, event = tuple(node.shape), self._node_shape()
        if len(shape) < 2 + len(event) or shape[len(shape) - len(event) :] != event:
            axes = ", ".join(["units", *map(str, event)])
            raise ValueError(
                f"{type(self).__name__} with num_states={self.num_states} expects a "
                f"node of shape (batch, [num_samples,] {axes}). "
                f"Received: node.shape={shape}"
            )
        return ops.cast(node, "float32")

    def _logits(self, name: str, logits: Tensor, node: Tensor) -> Tensor:
        """Logits, with the sample axis that the node has."""
        surplus = len(self._node_shape()) - len(self._unit_shape())
        return match_node(name, logits, node[(..., *[0] * surplus)])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_states": self.num_states,
            "estimator": self.estimator,
        }


@keras.saving.register_keras_serializable(package="keras_concrete")
class ConcreteLogProb(Score):
    """Log-probability of a node, summed over the units.

    With `training=True` this is what the estimator makes of it: for `"concrete"` the
    density of the node, `LogitBinaryConcrete`, or `ExpConcrete` for `num_states` above
    2. Otherwise it is the mass of the discrete state, the node rounded.

    Args:
        temperature: Positive number, or a schedule of training steps (see
            `keras_concrete.schedules`): the temperature of the density. It may differ
            from that of the sampler: the paper gives prior and posterior one each
            (equation 28). Held in the weight `current_temperature`.
        num_states: 2 for binary units (one logit each), n for units of n states.
        estimator: Name of the gradient estimator that the model trains with: the same
            as the sampler's.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The pair `(node, logits)`; or the triple `(node, logits, drawn_logits)`
            with the logits that the node was drawn with, which only the estimator
            `"concrete_analytic_kl"` reads, by default `logits`.
        training: Whether the training graph is meant, or the discrete one.

    Input shape:
        Node `(batch, [num_samples,] units[, num_states])`; logits of that shape, or
        without the sample axis.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If the logits would broadcast against the node in any other way.

    Example:
    >>> import numpy as np
    >>> log_prob = ConcreteLogProb(temperature=0.5)
    >>> node, logits = np.ones((2, 5, 3), "float32"), np.zeros((2, 3), "float32")
    >>> log_prob((node, logits)).shape
    TensorShape([2, 5])

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section C.3.
    """

    def __init__(
        self,
        temperature: schedules.Temperature,
        num_states: int = 2,
        estimator: str = "concrete",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_states=num_states, estimator=estimator, **kwargs)
        self.temperature = schedules.get("temperature", temperature)
        if self._estimator.convex_when_cold:
            warn_if_too_warm(self.temperature)

    def build(self, input_shape: Any) -> None:
        """Adds the temperature, a weight that does not train."""
        check_inputs(self, input_shape, "node", "logits", "drawn_logits?")
        self._thermostat = Thermostat(self, self.temperature)
        self.current_temperature = self._thermostat.current

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> Tensor:
        """Scores the node under the logits."""
        node = self._checked_node(inputs[0])
        logits = self._logits("logits", inputs[1], node)
        binary = self.num_states == 2
        if training:
            drawn_logits = self._logits("drawn_logits", inputs[-1], node)
            log_probs = self._estimator.log_prob(
                self._estimator.unit(binary),
                self._thermostat.read(training),
                logits,
                node,
                drawn_logits,
            )
        else:
            unit = self._estimator.discrete_unit(binary)
            log_probs = unit.discrete(logits).log_prob(unit.discrete_state(node))
        return ops.sum(log_probs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "temperature": schedules.serialize(self.temperature),
        }
