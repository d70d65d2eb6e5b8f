"""The quantile function of the normal distribution, to the ends of float32."""

from keras import ops

from keras_concrete.types import Tensor

__all__ = ["normal_quantile"]


def normal_quantile(probability: Tensor) -> Tensor:
    """Value below which a standard normal variable lies with a given probability.

    The approximations of Wichura (1988), algorithm AS 241, PPND7, to about 1e-7 of the
    value. XLA's own, by the inverse error function, is `-inf` below 3e-8.

    Args:
        probability: Float32 tensor of numbers in (0, 1/2].

    Returns:
        Float32 tensor.

    Example:
    >>> import numpy as np
    >>> normal_quantile(np.float32([1e-30, 0.025])).numpy().round(2)
    array([-11.46,  -1.96], dtype=float32)
    """
    center = 0.5 - probability
    near = _ratio(0.180625 - center * center, _NEAR_HALF)
    root = ops.sqrt(-ops.log(probability))
    far = ops.where(root <= 5.0, _ratio(root - 1.6, _TAIL), _ratio(root - 5.0, _FAR_TAIL))
    return -ops.where(center <= 0.425, center * near, far)


def _ratio(x: Tensor, coefficients: tuple) -> Tensor:
    """Ratio of two polynomials, coefficients of high powers first."""
    above, below = coefficients
    return _horner(x, above) / _horner(x, below)


def _horner(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    value: Tensor = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


_NEAR_HALF = (
    (5.9109374720e01, 1.5929113202e02, 5.0434271938e01, 3.3871327179),
    (6.7187563600e01, 7.8757757664e01, 1.7895169469e01, 1.0),
)
_TAIL = (
    (1.7023821103e-01, 1.3067284816, 2.7568153900, 1.4234372777),
    (1.2021132975e-01, 7.3700164250e-01, 1.0),
)
_FAR_TAIL = (
    (1.7337203997e-02, 4.2868294337e-01, 3.0812263860, 6.6579051150),
    (1.2258202635e-02, 2.4197894225e-01, 1.0),
)
