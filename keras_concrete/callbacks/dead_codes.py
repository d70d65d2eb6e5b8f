"""The callback that moves codes which are never chosen."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.checks import check_seed
from keras_concrete.layers import CategoricalCodebook
from keras_concrete.sublayers import all_layers

__all__ = ["ResetDeadCodes"]

# Of the standard deviation of the codes in use, by which a twin is moved off.
_DISTANCE = 0.01


class ResetDeadCodes(keras.callbacks.Callback):
    """Moves the codes that no token chose in an epoch of training next to codes in use.

    A dead code becomes a copy of a code that was chosen, drawn with the probabilities
    with which tokens chose them, and moved off by a hundredth of the standard deviation
    of the codes in use: so popular codes are split in two (Linde, Buzo & Gray, 1980). It
    is done at the end of each epoch but the last, for all `CategoricalCodebook` of the
    model that train, those of a `ResidualCodebook` included. List it after callbacks that
    stop training, so that the last epoch is known to be it.

    Args:
        seed: Integer, of which alone the choices are a function.

    Raises:
        ValueError: If the model has no codebook, or only such as take logits, whose codes
            live or die by the layer that makes the logits; or if the optimizer puts
            averages in the place of weights as it trains.

    Example:
    >>> import keras, keras_concrete as kc
    >>> codebook = kc.CategoricalCodebook(64, 2)
    >>> model = keras.Sequential([keras.Input((5, 2)), codebook])
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(4, 5, 2))
    >>> history = model.fit(x, x, epochs=2, callbacks=[kc.ResetDeadCodes()], verbose=0)
    >>> history.history[f"{codebook.name}_usage"][0] < 0.5
    True

    Reference:
        Linde, Buzo & Gray, "An Algorithm for Vector Quantizer Design", IEEE Transactions
        on Communications, 1980: splitting.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        check_seed(seed)
        self._seed = int(seed)
        self._counts: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Finds the codebooks."""
        self._codebooks = [
            layer
            for layer in all_layers(self.model)
            if isinstance(layer, CategoricalCodebook) and not layer.from_logits
        ]
        if not self._codebooks:
            raise ValueError(
                f"The model {self.model.name!r} has no layer whose codes could be moved: "
                "ResetDeadCodes needs a CategoricalCodebook with from_logits=False."
            )
        frequency = getattr(self.model.optimizer, "ema_overwrite_frequency", None)
        if getattr(self.model.optimizer, "use_ema", False) and frequency:
            raise ValueError(
                "ResetDeadCodes does not go with an optimizer that puts averages in the "
                "place of weights as it trains, which would bring the codes back that "
                "were moved: compile with ema_overwrite_frequency=None. Received: "
                f"ema_overwrite_frequency={frequency}"
            )
        self._generator = np.random.default_rng(self._seed)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Forgets the epoch before."""
        self._counts = None

    def on_test_begin(self, logs: Any = None) -> None:
        """Keeps the counts of training, which validation begins anew."""
        if self._counts is None:
            self._counts = self._read()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Moves the codes that were not chosen."""
        is_last = epoch + 1 == (self.params or {}).get("epochs")
        if is_last or self.model.stop_training:
            return
        counts = self._read() if self._counts is None else self._counts
        for codebook, chosen in zip(self._codebooks, counts, strict=True):
            if not codebook.codes.trainable:
                continue
            codes = ops.convert_to_numpy(codebook.codes.value)
            codebook.codes.assign(_with_splits(codes, chosen, self._generator))

    def _read(self) -> list[np.ndarray]:
        return [ops.convert_to_numpy(c.code_usage.counts.value) for c in self._codebooks]


def _with_splits(
    codes: np.ndarray, counts: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Codes of which those without counts are next to those that have some."""
    dead = counts == 0
    if not dead.any() or dead.all():
        return codes
    shares = np.float64(counts) / np.sum(counts, dtype=np.float64)
    parents = generator.choice(len(codes), size=dead.sum(), p=shares)
    # With one code in use there is no spread to go by.
    spread = np.std(codes[~dead], axis=0) if (~dead).sum() > 1 else np.std(codes, axis=0)
    scale = _DISTANCE * spread
    moved = codes.copy()
    moved[dead] = codes[parents] + generator.normal(size=codes[parents].shape) * scale
    return moved
