"""Binary units with noise of one's own, and the Gaussian among them."""

from typing import TYPE_CHECKING, ClassVar

from keras_concrete.estimators.base import RelaxedEstimator

if TYPE_CHECKING:
    from keras_concrete.distributions.relocated import BinaryNoise
    from keras_concrete.distributions.units import Unit

__all__ = ["Gaussian", "RelocatedNoise"]


class RelocatedNoise(RelaxedEstimator):
    """Binary units with any noise, relocated to keep their probability (appendix B).

    Subclass with a `name` and `binary_noise`, and `register` an instance.
    """

    binary_only: ClassVar[bool] = True

    def binary_noise(self) -> "BinaryNoise":
        """The noise."""
        raise NotImplementedError

    def unit(self, binary: bool) -> "Unit":
        """The circuit with that noise."""
        from keras_concrete.distributions.relocated_units import RelocatedBinaryUnit

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
        from keras_concrete.distributions.relocated import GAUSSIAN

        return GAUSSIAN
