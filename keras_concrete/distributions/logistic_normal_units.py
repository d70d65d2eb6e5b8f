"""Units with Gaussian noise on their logits: the paper's control (section 5.2)."""

import math

from keras_concrete.distributions.impossible import settled
from keras_concrete.distributions.logistic_normal import (
    ExpLogisticNormal,
    LogitLogisticNormal,
)
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit
from keras_concrete.noise import normal
from keras_concrete.types import Shape, Tensor

__all__ = ["LogisticNormalBinaryUnit", "LogisticNormalCategoricalUnit"]


class LogisticNormalCategoricalUnit(CategoricalUnit):
    """Gaussian noise of one scale on n logits, through a softmax (section 5.2)."""

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return normal(logits_shape, key)

    def relaxed(self, temperature: Tensor, logits: Tensor) -> ExpLogisticNormal:
        return ExpLogisticNormal(temperature, logits)


class LogisticNormalBinaryUnit(BinaryUnit):
    """The same for n = 2: the difference of two Gaussians, with sqrt(2) of the scale."""

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return normal(logits_shape, key)

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        return settled(logits) + math.sqrt(2.0) * temperature * noise

    def relaxed(self, temperature: Tensor, logits: Tensor) -> LogitLogisticNormal:
        return LogitLogisticNormal(settled(logits), math.sqrt(2.0) * temperature)
