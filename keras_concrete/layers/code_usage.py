"""How a codebook is used: which codes were chosen, and how evenly."""

import math
from typing import Any

import keras
from keras import ops

from keras_concrete.types import Tensor

__all__ = ["CodeUsage"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class CodeUsage(keras.metrics.Metric):
    """Usage, perplexity and bits of the codes that `fit` and `evaluate` see chosen.

    With p_k the share of the tokens that have code k: the usage is the share of codes
    with p_k > 0; the bits are the entropy `H = -sum_k p_k log2 p_k`, what a token costs
    under the best prior that knows no context; and the perplexity is `2**H`, the number
    of codes that would be as many bits if all were used evenly.

    As in `StepMean`, what a layer hands over counts once a training or test step asks for
    the result, so that calls from elsewhere do not count.

    Args:
        num_codes: Number of codes.
        name: Name before `_usage`, `_perplexity` and `_bits` in the logs.

    Example:
    >>> import numpy as np
    >>> usage = CodeUsage(4, name="codes")
    >>> usage.update_state(np.array([2.0, 2.0, 0.0, 0.0]), training=True)
    >>> [round(float(value), 3) for value in usage.result().values()]
    [0.5, 2.0, 1.0]
    """

    def __init__(self, num_codes: int, name: str = "codes") -> None:
        super().__init__(name=name, dtype="float32")
        self.num_codes = num_codes
        self.counts = self._numbers("counts", (num_codes,))
        self._in_training = self._numbers("in_training", ())
        # By whether the call was a training call.
        self._waiting = [self._numbers(f"waiting_{i}", (num_codes,)) for i in (0, 1)]

    def _numbers(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_variable(shape, "zeros", dtype="float32", name=name)

    def update_state(self, counts: Tensor, training: bool) -> None:
        """Hands over how often each code was chosen, which counts once the step ends.

        Args:
            counts: Float tensor `(num_codes,)`.
            training: Whether they are of a training call.
        """
        self._waiting[bool(training)].assign_add(ops.cast(counts, "float32"))

    def result(self) -> dict[str, Tensor]:
        """Ends a step, and returns the three numbers so far; 0 if there was nothing."""
        is_training = ops.sum(self._waiting[1]) + self._in_training > 0
        self._in_training.assign(ops.cast(is_training, "float32"))
        counts = ops.where(is_training, self._waiting[1], self._waiting[0])
        self.counts.assign_add(counts)
        for waiting in self._waiting:
            waiting.assign(ops.zeros_like(waiting))
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
