"""Binary units with any noise on the reals (appendix B)."""

from keras import ops

from keras_concrete import noise
from keras_concrete.distributions.relocated import BinaryNoise, RelocatedBinary
from keras_concrete.distributions.units import BinaryUnit
from keras_concrete.types import Shape, Tensor

__all__ = ["RelocatedBinaryUnit"]


class RelocatedBinaryUnit(BinaryUnit):
    """Any noise on the reals, relocated to keep the unit's probability (appendix B)."""

    def __init__(self, binary_noise: BinaryNoise) -> None:
        self.binary_noise = binary_noise

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        return noise.from_quantile(
            logits_shape,
            key,
            self.binary_noise.quantile,
            self.binary_noise.upper_quantile,
        )

    def mode_noise(self, logits_shape: Shape) -> Tensor:
        # The median, which is 0 for symmetric noise only.
        return self.binary_noise.quantile(ops.full(logits_shape, 0.5, dtype="float32"))

    def relaxed(self, temperature: Tensor, logits: Tensor) -> RelocatedBinary:
        return RelocatedBinary(self.binary_noise, temperature, logits)
