"""Score-function estimators: discrete states, and gradients from log q alone.

Each multiplies the gradient of log q by a learning signal; they differ in the signal and
in what is subtracted from it to lower the variance. All are unbiased for their
`objective` of the discrete graph, NVIL with its variance normalisation up to the scale of
the posterior's gradient.
"""

from typing import TYPE_CHECKING, ClassVar

import keras
from keras import ops

from keras_concrete.estimators.base import Estimator
from keras_concrete.moving_average import move_average
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["ScoreFunction", "score", "update_average"]


class ScoreFunction(Estimator):
    """States are discrete and carry no gradient; nodes are scored by their mass."""

    pathwise: ClassVar[bool] = False
    is_unbiased: ClassVar[bool] = True

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """The states that the nodes stand for."""
        return unit.discrete_state(node)

    def log_prob(
        self,
        unit: "Unit",
        temperature: Tensor,
        logits: Tensor,
        node: Tensor,
        drawn_logits: Tensor | None,
    ) -> Tensor:
        """The log-mass of the states, which are held fixed."""
        state = ops.stop_gradient(unit.discrete_state(node))
        return unit.discrete(logits).log_prob(state)


def score(signal: Tensor, log_prob: Tensor) -> Tensor:
    """Zero, with the gradient of `signal * log_prob` and the signal held fixed."""
    return ops.stop_gradient(signal) * (log_prob - ops.stop_gradient(log_prob))


def update_average(
    layer: keras.layers.Layer, average: keras.Variable, decay: float, values: Tensor
) -> None:
    """Moves an average of a layer to the mean of values, if there are any."""
    is_empty = ops.equal(ops.size(values), 0)
    move_average(layer, average, decay, ops.mean(values), is_empty)
