"""The callback that learns a temperature from the noise of the gradient."""

import math
from typing import Any

import keras

from keras_concrete.callbacks.gradient_draws import GradientDraws
from keras_concrete.layers import MultiSampleBound
from keras_concrete.sublayers import all_layers

__all__ = ["LearnedTemperature"]

_FACTOR = 1.2
_MAX_MOVES = 10


class LearnedTemperature(keras.callbacks.Callback):
    """Moves the temperature to where the gradient has the least variance.

    The gradient of `"rebar"` has the same mean at every temperature, and its paper learns
    the one of least variance as the model trains. So does this, by steps in place of
    derivatives: before training and after each epoch it draws gradients of `x` at the
    temperature, at 1.2 times that and at that over 1.2, all by the same noise, moves to
    the least, and goes on until neither neighbour has less, for 10 moves at most, a
    change by 6 times. The temperature is a variable that sampler and callback share.

    It is for estimators without bias: others, such as `"concrete"`, have the less
    variance and the more bias the higher the temperature.

    Args:
        temperature: `keras.Variable(0.5, trainable=False)`, with which the samplers were
            made.
        x: A batch, as `GradientVariance` takes it.
        num_draws: Gradients that are drawn at each temperature, at least 2.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ValueError: If the temperature is no scalar variable, `num_draws` no integer from
            2, or the model that it is used with has no bound, an estimator with bias, or
            no sampler at that temperature.

    Example:
    >>> import numpy as np
    >>> import keras_concrete as kc
    >>> temperature, x = keras.Variable(0.5, trainable=False), np.eye(4)
    >>> model = kc.SigmoidBeliefNetwork(
    ...     "3H-4V", estimator="rebar", posterior_temperature=temperature, seed=0
    ... )
    >>> model.compile("adam", jit_compile=False)
    >>> learned = kc.LearnedTemperature(temperature, x)
    >>> history = model.fit(x, callbacks=[learned, kc.TemperatureLog()], verbose=0)
    >>> history.history["temperature"][0] != 0.5
    True

    Reference:
        Tucker, Mnih, Maddison, Lawson & Sohl-Dickstein, "REBAR: Low-Variance, Unbiased
        Gradient Estimates for Discrete Latent Variable Models", NeurIPS 2017.
    """

    def __init__(
        self, temperature: keras.Variable, x: Any, num_draws: int = 20, seed: int = 0
    ) -> None:
        super().__init__()
        if not isinstance(temperature, keras.Variable) or temperature.shape != ():
            raise ValueError(
                "Argument `temperature` must be the scalar variable with which the "
                "samplers were made, keras.Variable(0.5, trainable=False). Received: "
                f"temperature={temperature!r}"
            )
        self._draws = GradientDraws("LearnedTemperature", x, num_draws, seed)
        self._temperature = temperature

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuses models that it is not for, and moves for the first time."""
        self._draws.prepare(self.model)
        self._check_estimators()
        self._check_samplers()
        self._move()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Moves the temperature."""
        self._move()

    def _check_estimators(self) -> None:
        bounds = (x for x in all_layers(self.model) if isinstance(x, MultiSampleBound))
        for estimator in (bound.followed_estimator() for bound in bounds):
            if not estimator.is_unbiased:
                raise ValueError(
                    "LearnedTemperature is for estimators without bias, of which 'rebar' "
                    "has a temperature that matters: with others less variance is more "
                    f"bias. Received: a model with the estimator {estimator.name!r}"
                )

    def _check_samplers(self) -> None:
        settings = [getattr(x, "temperature", None) for x in all_layers(self.model)]
        if not any(setting is self._temperature for setting in settings):
            raise ValueError(
                "No sampler of the model was made with the variable that "
                "LearnedTemperature was given: pass the same one as `temperature` to the "
                "sampler, or as `posterior_temperature` to the belief network. A model "
                "that was loaded has numbers in place of variables."
            )

    def _move(self) -> None:
        """Goes from neighbour to neighbour while the variance falls."""
        found = {0: self._variance_at(start := float(self._temperature), 0)}
        best = 0
        for _ in range(_MAX_MOVES):
            for power in (best - 1, best + 1):
                if power not in found:
                    found[power] = self._variance_at(start, power)
            least = min((best, best - 1, best + 1), key=found.__getitem__)
            if least == best:
                break
            best = least
        self._temperature.assign(start * _FACTOR**best)

    def _variance_at(self, start: float, power: int) -> float:
        self._temperature.assign(start * _FACTOR**power)
        variance = float(self._draws.moments().variances.sum())
        return variance if math.isfinite(variance) else math.inf
