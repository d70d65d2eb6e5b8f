"""The layer that rules states out."""

from typing import Any

import keras
from keras import ops

from keras_concrete.types import Shape, Tensor
from keras_concrete.unknown_sizes import held_to_shape

__all__ = ["StateMask"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class StateMask(keras.layers.Layer):
    """Rules states out: their logits become -inf, and no gradient reaches them.

    Give what it returns to everything that reads logits: to `ConcreteSample`, and as the
    logits of `ConcreteLogProb` and `RelaxedKL`. A state that is ruled out has probability
    exactly 0, relaxed or discrete, and is never drawn; a unit is then a unit of the
    states that are left, and so are its scores. Values and gradients stay finite under
    every estimator.

    A prior must rule out the same states, since in the relaxed graph a unit of fewer
    states has no density among those of more: mask its logits by the same `allowed`. The
    priors `"uniform"` and `"learned"` of a sampler do so by themselves. `SubsetSample`
    takes masked logits too.

    Args:
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Logits with the states on the last axis.
        allowed: Boolean tensor or array: True where a state can be. Each unit needs one
            that can; logits of a unit without any are NaN, and so is all that they lead
            to.

    Input shape:
        Logits `(batch, *units, num_states)`; `allowed` of that shape, or of the last
        axes of it: `(num_states,)` for all units alike, `(*units, num_states)` for all
        examples alike.

    Output shape:
        That of the logits; float32 under every dtype policy.

    Raises:
        ValueError: If `allowed` is not boolean, or its axes are not the last axes of the
            logits.

    Example:
    >>> import numpy as np
    >>> logits = np.zeros((1, 2, 3), "float32")
    >>> masked = StateMask()(logits, np.array([True, False, True]))
    >>> keras.ops.softmax(masked).numpy().tolist()
    [[[0.5, 0.0, 0.5], [0.5, 0.0, 0.5]]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False
        self.supports_masking = True

    def build(self, logits_shape: Shape, allowed_shape: Shape | None = None) -> None:
        """Adds nothing: the layer has no weights."""

    def call(self, logits: Tensor, allowed: Tensor) -> Tensor:
        """Replaces the logits of what is ruled out."""
        _check_allowed(self.name, logits, allowed)
        missing = len(logits.shape) - len(allowed.shape)
        ones = [1] * missing
        allowed = ops.reshape(allowed, (*ones, *ops.shape(allowed)))
        allowed = held_to_shape(allowed, (*ones, *ops.shape(logits)[missing:]))
        masked = ops.where(allowed, ops.cast(logits, "float32"), -float("inf"))
        is_possible = ops.any(allowed, axis=-1, keepdims=True)
        return ops.where(is_possible, masked, float("nan"))

    def compute_output_spec(self, logits: Tensor, allowed: Tensor) -> keras.KerasTensor:
        _check_allowed(self.name, logits, allowed)
        return keras.KerasTensor(tuple(logits.shape), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


def _check_allowed(layer: str, logits: Tensor, allowed: Tensor) -> None:
    dtype = keras.backend.standardize_dtype(allowed.dtype)
    if dtype != "bool":
        raise ValueError(
            f"{layer!r}: `allowed` must be boolean, True where a state can be, such as "
            f"`mask > 0`. Received: allowed.dtype={dtype}"
        )
    shape, given = tuple(logits.shape), tuple(allowed.shape)
    last = shape[len(shape) - len(given) :]
    is_end = 1 <= len(given) <= len(shape) and all(
        a == b or None in (a, b) for a, b in zip(given, last, strict=True)
    )
    if not is_end:
        raise ValueError(
            f"{layer!r}: `allowed` must have the shape of `logits`, or that without its "
            "first axes: (num_states,), or (*units, num_states). Received: "
            f"allowed.shape={given}, logits.shape={shape}"
        )
