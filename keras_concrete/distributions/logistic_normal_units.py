"""Units with Gaussian noise on their logits: the paper's control (section 5.2)."""

import math

from keras_concrete.distributions.logistic_normal import (
    ExpLogisticNormal,
    LogitLogisticNormal,
)
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit
from keras_concrete.noise import normal
from keras_concrete.types import Shape, Tensor

__all__ = ["LogisticNormalBinaryUnit", "LogisticNormalCategoricalUnit"]


class LogisticNormalCategoricalUnit(CategoricalUnit):
    """n logits with a standard normal each, in the place of Gumbels (section 5.2)."""

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return normal(logits_shape, key)

    def relaxed(self, temperature: Tensor, logits: Tensor) -> ExpLogisticNormal:
        return ExpLogisticNormal(temperature, logits)


class LogisticNormalBinaryUnit(BinaryUnit):
    """The same for n = 2: the difference of two normals on the log-odds."""

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return math.sqrt(2.0) * normal(logits_shape, key)

    def relaxed(self, temperature: Tensor, logits: Tensor) -> LogitLogisticNormal:
        return LogitLogisticNormal(temperature, logits)
