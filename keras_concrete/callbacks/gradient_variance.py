"""The callback that watches the noise of the gradient."""

from typing import Any

import keras
import numpy as np

from keras_concrete.callbacks.gradient_draws import GradientDraws

__all__ = ["GradientVariance"]


class GradientVariance(keras.callbacks.Callback):
    """Adds the variance of the gradient to the logs, and its signal-to-noise ratio.

    After each epoch, of the gradient of the mean training bound of `x` by the model's
    estimator, in which only the noise of the units differs: `gradient_variance`, summed
    over all weights, and `gradient_signal_to_noise`, the length of the mean gradient over
    the root of that; 0 where the noise hides the gradient. Baselines that an estimator
    owns do not count. All epochs have the same noise, so that epochs compare, and
    training goes on as it would have without.

    It is for belief networks, and for a model of your own that ends in its bound: the
    output of `MultiSampleBound`, alone or as `"bound"` of a dict.

    Args:
        x: A batch: binary data, `(examples, visible units)`; for a conditional network
            the pair `(context, image)`; for a model of your own its inputs. More examples
            have less variance: take as many as a batch of training has.
        num_draws: Gradients that are drawn, at least 2.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ValueError: If `x` holds no arrays of examples, `num_draws` is no integer from 2,
            or the model that it is used with has no bound, or is not for such data.

    Example:
    >>> from keras_concrete import SigmoidBeliefNetwork
    >>> model, x = SigmoidBeliefNetwork("3H-4V", seed=0), np.eye(4)
    >>> model.compile("adam", jit_compile=False)
    >>> history = model.fit(x, callbacks=[GradientVariance(x)], verbose=0).history
    >>> [name for name in history if name.startswith("gradient")]
    ['gradient_variance', 'gradient_signal_to_noise']
    """

    def __init__(self, x: Any, num_draws: int = 100, seed: int = 0) -> None:
        super().__init__()
        self._draws = GradientDraws("GradientVariance", x, num_draws, seed)

    def on_train_begin(self, logs: Any = None) -> None:
        """Prepares the function that draws gradients."""
        self._draws.prepare(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the two numbers to the logs."""
        moments = self._draws.moments()
        variance = float(moments.variances.sum())
        square = sum(float(np.sum(np.float64(mean) ** 2)) for mean in moments.means)
        square -= variance / self._draws.num_draws  # What noise adds to the mean.
        if logs is not None:
            logs["gradient_variance"] = variance
            ratio = max(square, 0.0) / variance if variance > 0 else np.inf
            logs["gradient_signal_to_noise"] = float(np.sqrt(ratio))
