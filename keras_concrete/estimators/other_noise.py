"""Relaxations by Gaussian and other noise: the paper's control, and appendix B."""

from typing import TYPE_CHECKING, ClassVar

from keras_concrete.estimators.base import Estimator

if TYPE_CHECKING:
    from keras_concrete.distributions.other_noise import BinaryNoise
    from keras_concrete.distributions.units import Unit

__all__ = ["Gaussian", "LogisticNormal", "RelocatedNoise"]


class LogisticNormal(Estimator):
    """Gaussian noise of the scale `temperature` on the logits, through a softmax.

    The control of section 5.2. Its rounding is a multinomial probit, whose masses are
    not known: the discrete graph draws from the distribution with the same logits.

    Warning:
        Under `mixed_float16` give it float32 logits: slopes go with the inverse of the
        squared scale, and cold ones are beyond 65,504, the largest number of float16.
        With float16 logits Keras's loss scaling skips the steps that have such slopes.
    """

    name = "logistic_normal"
    convex_when_cold: ClassVar[bool] = False

    def unit(self, binary: bool) -> "Unit":
        """The circuit with Gaussian noise."""
        from keras_concrete.distributions.other_units import (
            LogisticNormalBinaryUnit,
            LogisticNormalCategoricalUnit,
        )

        return LogisticNormalBinaryUnit() if binary else LogisticNormalCategoricalUnit()

    def discrete_unit(self, binary: bool) -> "Unit":
        """The paper's circuit, with the learned logits."""
        return super().unit(binary)


class RelocatedNoise(Estimator):
    """Binary units with any noise, relocated to keep their probability (appendix B).

    Subclass with a `name` and `binary_noise`, and `register` an instance.
    """

    binary_only: ClassVar[bool] = True
    convex_when_cold: ClassVar[bool] = False

    def binary_noise(self) -> "BinaryNoise":
        """The noise."""
        raise NotImplementedError

    def unit(self, binary: bool) -> "Unit":
        """The circuit with that noise."""
        from keras_concrete.distributions.other_units import RelocatedBinaryUnit

        return RelocatedBinaryUnit(self.binary_noise())


class Gaussian(RelocatedNoise):
    """Relocated Gaussian noise: the units of Frey (1997) and of Salakhutdinov & Hinton.

    Warning:
        At any temperature the density of the state goes to 0 towards the vertices, so a
        unit can hold a precise value in the interior (section C.4): expect a large
        integrality gap.
    """

    name: ClassVar[str] = "gaussian"

    def binary_noise(self) -> "BinaryNoise":
        """Standard normal noise."""
        from keras_concrete.distributions.other_noise import GAUSSIAN

        return GAUSSIAN
