"""Units whose node is the Gumbels themselves (section C.3)."""

from typing import Any

import tensorflow_probability as tfp
from keras import ops

from keras_concrete import noise
from keras_concrete.distributions.standard import Gumbel
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit
from keras_concrete.types import Shape, Tensor

__all__ = ["GumbelBinaryUnit", "GumbelCategoricalUnit"]

tfb: Any = tfp.bijectors
tfd: Any = tfp.distributions


def _located_gumbels(
    temperature: Tensor, logits: Tensor
) -> tfp.distributions.Distribution:
    """Distribution of (logits + G) / temperature."""
    return tfd.TransformedDistribution(
        Gumbel(),
        tfb.Chain([tfb.Scale(scale=1.0 / temperature), tfb.Shift(logits)]),
    )


class GumbelCategoricalUnit(CategoricalUnit):
    """The n Gumbels, located and scaled, as the node; the softmax downstream of it."""

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        return (logits + noise) / temperature

    def relaxed_state(self, node: Tensor) -> Tensor:
        return ops.softmax(node)

    def relaxed(
        self, temperature: Tensor, logits: Tensor
    ) -> tfp.distributions.Distribution:
        return tfd.Independent(_located_gumbels(temperature, logits), 1)


class GumbelBinaryUnit(BinaryUnit):
    """Two Gumbels, located at 0 and at the logit, as the node of a binary unit."""

    def node_shape(self, logits_shape: Shape) -> Shape:
        return (*logits_shape, 2)

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return noise.gumbel(self.node_shape(logits_shape), key)

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        return (self._pair(logits) + noise) / temperature

    def relaxed_state(self, node: Tensor) -> Tensor:
        return super().relaxed_state(node[..., 1] - node[..., 0])

    def discrete_state(self, node: Tensor) -> Tensor:
        return super().discrete_state(node[..., 1] - node[..., 0])

    def relaxed(
        self, temperature: Tensor, logits: Tensor
    ) -> tfp.distributions.Distribution:
        return tfd.Independent(_located_gumbels(temperature, self._pair(logits)), 1)

    def _pair(self, logits: Tensor) -> Tensor:
        return ops.stack([ops.zeros_like(logits), logits], axis=-1)
