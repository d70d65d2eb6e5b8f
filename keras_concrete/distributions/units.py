"""The circuits of figures 1 and 3: noise and logits to node, node to state.

Both kinds of unit offer the same functions, so that a layer need not know which it has.
"""

from typing import Protocol

from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tfp
from keras_concrete.distributions.bernoulli import Bernoulli
from keras_concrete.distributions.binary import LogitBinaryConcrete
from keras_concrete.distributions.categorical import ExpConcrete
from keras_concrete.distributions.discrete import Discrete
from keras_concrete.distributions.impossible import LOG_ZERO, certain_rows
from keras_concrete.distributions.rounding import is_not_negative, one_hot_of_largest
from keras_concrete.distributions.sigmoid import Sigmoid
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
        """Log-probabilities of the unit's n states, on the same axis; at least -1e9."""

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
        return self.relaxed(temperature, logits).node(noise)

    def relaxed_state(self, node: Tensor) -> Tensor:
        return Sigmoid().forward(node)

    def discrete_state(self, node: Tensor) -> Tensor:
        return is_not_negative(node)

    def relaxed(self, temperature: Tensor, logits: Tensor) -> LogitBinaryConcrete:
        return LogitBinaryConcrete(temperature, logits)

    def discrete(self, logits: Tensor) -> Bernoulli:
        return Bernoulli(logits)

    def masses(self, state: Tensor) -> Tensor:
        return ops.stack([1.0 - state, state], axis=-1)

    def log_masses(self, logits: Tensor) -> Tensor:
        log_masses = -ops.softplus(ops.stack([logits, -logits], axis=-1))
        return ops.maximum(log_masses, LOG_ZERO)

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
        return self.relaxed(temperature, logits).node(noise)

    def relaxed_state(self, node: Tensor) -> Tensor:
        return tfp.bijectors.Exp().forward(node)

    def discrete_state(self, node: Tensor) -> Tensor:
        return one_hot_of_largest(node)

    def relaxed(self, temperature: Tensor, logits: Tensor) -> ExpConcrete:
        return ExpConcrete(temperature, logits)

    def discrete(self, logits: Tensor) -> Discrete:
        return Discrete(logits)

    def masses(self, state: Tensor) -> Tensor:
        return state

    def log_masses(self, logits: Tensor) -> Tensor:
        return ops.maximum(ops.log_softmax(certain_rows(logits)), LOG_ZERO)

    def mean(self, logits: Tensor) -> Tensor:
        return ops.softmax(certain_rows(logits))
