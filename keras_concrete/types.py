"""Names for the types that the framework does not name."""

from typing import Any

__all__ = ["Shape", "Tensor"]

# A tensor of whichever backend Keras runs on, a `KerasTensor`, or a NumPy array: these
# share no base class, so nothing narrower would be true.
Tensor = Any

# Sizes are integers, or scalar tensors where a size is known at run time only.
Shape = tuple[Any, ...]
