"""Units whose node is the Gumbels themselves (section C.3)."""

from keras import ops

from keras_concrete import noise
from keras_concrete.distributions.gumbels import LocatedGumbels
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit
from keras_concrete.types import Shape, Tensor

__all__ = ["GumbelBinaryUnit", "GumbelCategoricalUnit"]


class GumbelCategoricalUnit(CategoricalUnit):
    """The n Gumbels, located and scaled, as the node; the softmax downstream of it."""

    def relaxed_state(self, node: Tensor) -> Tensor:
        return ops.softmax(node)

    def relaxed(self, temperature: Tensor, logits: Tensor) -> LocatedGumbels:
        return LocatedGumbels(temperature, logits)


class GumbelBinaryUnit(BinaryUnit):
    """Two Gumbels, located at 0 and at the logit, as the node of a binary unit."""

    def node_shape(self, logits_shape: Shape) -> Shape:
        return (*logits_shape, 2)

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return noise.gumbel(self.node_shape(logits_shape), key)

    def relaxed_state(self, node: Tensor) -> Tensor:
        return super().relaxed_state(node[..., 1] - node[..., 0])

    def discrete_state(self, node: Tensor) -> Tensor:
        return super().discrete_state(node[..., 1] - node[..., 0])

    def relaxed(self, temperature: Tensor, logits: Tensor) -> LocatedGumbels:
        return LocatedGumbels(temperature, self._pair(logits))

    def _pair(self, logits: Tensor) -> Tensor:
        return ops.stack([ops.zeros_like(logits), logits], axis=-1)
