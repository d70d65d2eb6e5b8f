"""How a codebook is used: which codes were chosen, and how evenly."""

import math
from typing import Any

import keras
from keras import ops

from keras_concrete.step_metric import StepMetric
from keras_concrete.types import Tensor

__all__ = ["CodeUsage"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class CodeUsage(StepMetric):
    """Usage, perplexity and bits of the codes that `fit` and `evaluate` see chosen.

    With p_k the share of the tokens that have code k: the usage is the share of codes
    with p_k > 0; the bits are the entropy `H = -sum_k p_k log2 p_k`, what a token costs
    under the best prior that knows no context; and the perplexity is `2**H`, the number
    of codes that would be as many bits if all were used evenly.

    Calls from elsewhere than `fit` and `evaluate` do not count.

    Args:
        num_codes: Number of codes.
        name: Name before `_usage`, `_perplexity` and `_bits` in the logs.

    Example:
    >>> import numpy as np
    >>> usage = CodeUsage(4, name="codes")
    >>> usage.add_call(np.array([2.0, 2.0, 0.0, 0.0]), training=True)
    >>> [round(float(value), 3) for value in usage.result().values()]
    [0.5, 2.0, 1.0]
    """

    def __init__(self, num_codes: int, name: str = "codes") -> None:
        super().__init__(name, (num_codes,))
        self.num_codes = num_codes
        self.counts = self.numbers("counts", (num_codes,))

    def add_call(self, counts: Tensor, training: bool) -> None:
        """Hands over how often each code was chosen, which counts once the step ends.

        Args:
            counts: Float tensor `(num_codes,)`.
            training: Whether they are of a training call.
        """
        self.hand_over(counts, training)

    def result(self) -> dict[str, Tensor]:
        """Ends a step, and returns the three numbers so far; 0 if there was nothing."""
        self.counts.assign_add(self.end_step())
        total = ops.sum(self.counts)
        shares = self.counts / ops.maximum(total, 1.0)
        used = self.counts > 0
        log_shares = ops.log(ops.where(used, shares, 1.0))
        bits = -ops.sum(shares * log_shares) / math.log(2.0)
        perplexity = ops.where(total > 0, ops.exp2(bits), 0.0)
        return {
            f"{self.name}_usage": ops.mean(ops.cast(used, "float32")),
            f"{self.name}_perplexity": perplexity,
            f"{self.name}_bits": bits,
        }

    def get_config(self) -> dict[str, Any]:
        return {"num_codes": self.num_codes, "name": self.name}
