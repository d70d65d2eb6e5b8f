"""Gradients of the training bound on one batch, of which callbacks watch the noise."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.array_batches import examples_of, tensors_as_fit_takes
from keras_concrete.callbacks.bounds import bound_of, check_ends_in_bound
from keras_concrete.checks import check_positive, check_seed
from keras_concrete.gradients.clones import mean_bound
from keras_concrete.gradients.moments import (
    GradientMoments,
    compiled_moments,
    draw_moments,
)
from keras_concrete.latent_variable_model import LatentVariableModel, check_model_data
from keras_concrete.layers import MultiSampleBound
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.sublayers import all_layers
from keras_concrete.types import Tensor

__all__ = ["GradientDraws"]


class GradientDraws:
    """Draws gradients of a model on one batch; all calls have the same noise.

    Args:
        callback: Name of the callback, for errors.
        x: The batch.
        num_draws: Gradients of a call.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ValueError: If `x` is no array of examples, nor a structure of arrays,
            `num_draws` is no integer from 2, or `seed` none from 0.
    """

    def __init__(self, callback: str, x: Any, num_draws: int, seed: int) -> None:
        check_positive("num_draws", num_draws, int)
        if num_draws < 2:
            raise ValueError(
                "Argument `num_draws` must be at least 2, since one gradient has no "
                f"variance. Received: num_draws={num_draws}"
            )
        check_seed(seed)
        self.num_draws = num_draws
        self._x, _ = examples_of(x)
        self._callback, self._seed = callback, seed
        self._prepared: Any = None

    def prepare(self, model: keras.Model) -> None:
        """Makes the program that draws, unless it is there from an earlier `fit`.

        Args:
            model: Belief network, or model that ends in its bound.

        Raises:
            ValueError: If the model has no bound, or is not for such data.
        """
        x, is_network = self._x, isinstance(model, SigmoidBeliefNetwork)
        check_ends_in_bound(self._callback, model, is_network)
        if isinstance(model, LatentVariableModel):
            check_model_data(model, x)
        owned = {
            id(weight)
            for layer in all_layers(model)
            if isinstance(layer, MultiSampleBound)
            for weight in layer.weights
        }
        weights = [w for w in model.trainable_weights if id(w) not in owned]
        prepared = model, bool(model.jit_compile), [id(weight) for weight in weights]
        if prepared == self._prepared:
            return  # Compiling takes longer than an epoch may.
        self._prepared = prepared
        self._directions = [np.zeros(tuple(weight.shape)) for weight in weights]
        self._run = compiled_moments(
            model,
            _mean_bound(model, x),
            weights,
            np.ones((1, len(weights))),
            bool(model.jit_compile),
        )

    def moments(self) -> GradientMoments:
        """Draws, at the weights of this moment, and sums up."""
        return draw_moments(self._run, self._seed, self.num_draws, 1, self._directions)


def _mean_bound(model: keras.Model, x: Any) -> Any:
    """A function that returns the bound that training ascends."""
    x = tensors_as_fit_takes(x)

    def run() -> Tensor:
        if isinstance(model, SigmoidBeliefNetwork):
            return mean_bound(model, x)
        return ops.mean(bound_of(model(x, training=True)))

    return run
