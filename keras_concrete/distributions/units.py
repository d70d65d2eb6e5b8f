"""The circuits of figures 1 and 3: noise and logits to node, node to state.

Both kinds of unit offer the same functions, so that a layer need not know which it has.
"""

from typing import Protocol

import tensorflow as tf
import tensorflow_probability as tfp
from keras import ops

from keras_concrete import noise
from keras_concrete.distributions.binary import (
    Bernoulli,
    LogitBinaryConcrete,
    Sigmoid,
)
from keras_concrete.distributions.categorical import Discrete, ExpConcrete
from keras_concrete.types import Shape, Tensor

__all__ = ["BinaryUnit", "CategoricalUnit", "Unit", "standard_unit"]


class Unit(Protocol):
    """What a layer asks of a kind of unit. Tensors are float32."""

    def node_shape(self, logits_shape: Shape) -> Shape:
        """Shape of the node of logits of that shape."""

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        """Draws the noise for logits of that shape."""

    def mode_noise(self, logits_shape: Shape) -> Tensor:
        """Noise under which the discrete state is the most probable one."""

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        """Combines logits and noise to the value on which densities are evaluated."""

    def relaxed_state(self, node: Tensor) -> Tensor:
        """Makes the state of the relaxed graph."""

    def discrete_state(self, node: Tensor) -> Tensor:
        """Makes the state of the discrete graph: the node, rounded."""

    def relaxed(
        self, temperature: Tensor, logits: Tensor
    ) -> tfp.distributions.Distribution:
        """Distribution of the node."""

    def discrete(self, logits: Tensor) -> tfp.distributions.Distribution:
        """Distribution of the discrete state."""

    def masses(self, state: Tensor) -> Tensor:
        """The state as weights of its unit's n states, on a new or the last axis."""

    def log_masses(self, logits: Tensor) -> Tensor:
        """Log-probabilities of the unit's n states, on the same axis."""

    def mean(self, logits: Tensor) -> Tensor:
        """Expected state of the discrete graph."""


def standard_unit(binary: bool) -> Unit:
    """The paper's unit: of one logit if binary, else of one for each state."""
    return BinaryUnit() if binary else CategoricalUnit()


class BinaryUnit:
    """One logit, the log-odds of state 1; Logistic noise; state in (0, 1) or {0, 1}."""

    def node_shape(self, logits_shape: Shape) -> Shape:
        return logits_shape

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return noise.logistic(logits_shape, key)

    def mode_noise(self, logits_shape: Shape) -> Tensor:
        return ops.zeros(self.node_shape(logits_shape), dtype="float32")

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        return LogitBinaryConcrete(temperature, logits).bijector.forward(noise)

    def relaxed_state(self, node: Tensor) -> Tensor:
        return Sigmoid().forward(node)

    def discrete_state(self, node: Tensor) -> Tensor:
        return ops.cast(node >= 0.0, "float32")

    def relaxed(self, temperature: Tensor, logits: Tensor) -> LogitBinaryConcrete:
        return LogitBinaryConcrete(temperature, logits)

    def discrete(self, logits: Tensor) -> Bernoulli:
        return Bernoulli(logits)

    def masses(self, state: Tensor) -> Tensor:
        return ops.stack([1.0 - state, state], axis=-1)

    def log_masses(self, logits: Tensor) -> Tensor:
        return -ops.softplus(ops.stack([logits, -logits], axis=-1))

    def mean(self, logits: Tensor) -> Tensor:
        return ops.sigmoid(logits)


class CategoricalUnit:
    """n logits on the last axis; Gumbel noise; state in the simplex, or one-hot."""

    def node_shape(self, logits_shape: Shape) -> Shape:
        return logits_shape

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return noise.gumbel(logits_shape, key)

    def mode_noise(self, logits_shape: Shape) -> Tensor:
        return ops.zeros(self.node_shape(logits_shape), dtype="float32")

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        return ops.log_softmax((logits + noise) / temperature)

    def relaxed_state(self, node: Tensor) -> Tensor:
        return tfp.bijectors.Exp().forward(node)

    def discrete_state(self, node: Tensor) -> Tensor:
        # Keras's argmax looks at the bits of zeros, which no other runtime can convert.
        return ops.one_hot(tf.argmax(node, axis=-1), ops.shape(node)[-1], dtype="float32")

    def relaxed(self, temperature: Tensor, logits: Tensor) -> ExpConcrete:
        return ExpConcrete(temperature, logits)

    def discrete(self, logits: Tensor) -> Discrete:
        return Discrete(logits)

    def masses(self, state: Tensor) -> Tensor:
        return state

    def log_masses(self, logits: Tensor) -> Tensor:
        return ops.log_softmax(logits)

    def mean(self, logits: Tensor) -> Tensor:
        return ops.softmax(logits)
