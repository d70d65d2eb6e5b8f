"""The layer that draws the solution of any discrete problem, by noise on its scores."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.checks import check_choice, check_positive
from keras_concrete.estimators.surrogate import with_gradient_of
from keras_concrete.layers.perturbed_scores import NEVER, draw_gumbels
from keras_concrete.layers.sample_axis import with_sample_axis
from keras_concrete.seeding import SeededLayer
from keras_concrete.types import Shape, Tensor

__all__ = ["PerturbedArgmax"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class PerturbedArgmax(SeededLayer):
    """Draws the solution of a discrete problem whose scores have noise: a rank, a path.

    The state is `argmax(scores + G)` with Gumbel noise G, in training and outside. The
    problem may be any that has a function of scores for its solution: the order of n
    items, a matching, a shortest path, k of n. Where that is the one-hot vector of the
    largest score, this is `ConcreteSample`'s discrete graph; for k of n see
    `SubsetSample` too, whose gradient is that of a relaxation.

    In training the scores get the gradient `(1 - exp(-G)) * <dL/dy, y - y0>`, with the
    state y, and the solution y0 without noise, which is subtracted to lower the variance.
    Its mean is the derivative of the mean state E[y], times dL/dy: without bias where the
    loss is linear in the state, and the better the less it is curved. The function itself
    is never differentiated. To divide the noise by a number, multiply the scores by it.

    Args:
        argmax: Function from scores `(problems, *shape)` to solutions `(problems, ...)`,
            made of `keras.ops`. Decorate it with
            `keras.saving.register_keras_serializable()` for models that are saved.
        num_samples: Number of samples for each example, put on a new axis 1; None for
            one sample and no axis.
        num_axes: How many of the last axes of the scores are those of one problem: 1 for
            n items, 2 for a table of scores.
        inference: What `training=False` returns: `"sample"`, or `"mode"` for the solution
            without noise.
        seed: Integer, or None. Two layers given the same integer draw the same noise,
            as everywhere in Keras.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        scores: Of any float dtype. Scores of -inf, or -1e9, get no noise that counts;
            problems with scores that are NaN have a solution of NaN.
        training: Whether the gradient is wanted.

    Input shape:
        `(batch, *units, *shape)`, with `num_axes` axes in `shape`.

    Output shape:
        `(batch, [num_samples,] *units, *solution)`, in the compute dtype, of the shape of
        what `argmax` returns. Whole numbers beyond 256 are rounded in bfloat16, beyond
        2,048 in float16: make the layer with `dtype="float32"` for longer orders.

    Raises:
        ValueError: If an argument is out of its range, if the scores have too few axes,
            or `argmax` does not return a solution for each problem.

    Example:
    >>> import numpy as np
    >>> def ranks(scores):
    ...     return ops.argsort(ops.argsort(scores, axis=-1), axis=-1)
    >>> layer = PerturbedArgmax(ranks, inference="mode", seed=0)
    >>> layer(np.float32([[0.5, 2.0, -1.0]])).numpy()
    array([[1., 2., 0.]], dtype=float32)

    Reference:
        Berthet, Blondel, Teboul, Cuturi, Vert & Bach, "Learning with Differentiable
        Perturbed Optimizers", NeurIPS 2020 (proposition 3.1, with Gumbel noise).
    """

    def __init__(
        self,
        argmax: Callable[[Tensor], Tensor],
        num_samples: int | None = None,
        num_axes: int = 1,
        inference: str = "sample",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        if not callable(argmax):
            raise ValueError(
                "Argument `argmax` must be a function from scores (problems, *shape) to "
                f"solutions. Received: argmax={argmax!r}"
            )
        if num_samples is not None:
            check_positive("num_samples", num_samples, int)
        check_positive("num_axes", num_axes, int)
        check_choice("inference", inference, ("sample", "mode"))
        self.argmax = argmax
        self.num_samples = num_samples
        self.num_axes = int(num_axes)
        self.inference = inference
        self.autocast = False
        self.supports_masking = True

    def build(self, scores_shape: Shape) -> None:
        """Checks that there are problems."""
        shape = tuple(scores_shape)
        if len(shape) <= self.num_axes or None in shape[-self.num_axes :]:
            raise ValueError(
                "PerturbedArgmax expects scores of shape (batch, *units, *shape) with "
                f"num_axes={self.num_axes} axes of known sizes in `shape`. Received: "
                f"scores.shape={shape}"
            )

    def call(self, scores: Tensor, training: bool = False) -> Tensor:
        """Draws solutions."""
        scores = ops.clip(ops.cast(scores, "float32"), NEVER, -NEVER)
        scores, shape = with_sample_axis(scores, self.num_samples)
        if training or self.inference == "sample":
            gumbels = draw_gumbels(self, shape, training)
            state = self._solve(scores + gumbels)
        else:
            state = self._solve(ops.broadcast_to(scores, shape))
        axes = tuple(range(-self.num_axes, 0))
        if training:
            weights = 1.0 - ops.exp(-gumbels)
            slopes = ops.sum(weights * (scores - ops.stop_gradient(scores)), axis=axes)
            difference = state - self._solve(scores)
            state = with_gradient_of(state, difference * _beside(slopes, state))
        is_nan = ops.any(ops.isnan(scores), axis=axes)
        state = ops.where(_beside(is_nan, state), np.float32("nan"), state)
        return ops.cast(state, self.compute_dtype)

    def _solve(self, scores: Tensor) -> Tensor:
        """Solutions of `(..., *shape)`, float32 and without a gradient."""
        shape = ops.shape(scores)
        problem, others = shape[-self.num_axes :], shape[: -self.num_axes]
        rows = ops.reshape(ops.stop_gradient(scores), (-1, *problem))
        solutions = ops.cast(self.argmax(rows), "float32")
        received, asked = tuple(solutions.shape), tuple(rows.shape)
        if not received or len({received[0], asked[0]} - {None}) > 1:
            raise ValueError(
                "Argument `argmax` must return a solution for each problem, along axis "
                f"0. Received: solutions of shape {received} for scores of shape {asked}"
            )
        return ops.reshape(
            ops.stop_gradient(solutions), (*others, *ops.shape(solutions)[1:])
        )

    def compute_output_spec(self, scores: Tensor, training: bool = False) -> Any:
        return keras.Operation.compute_output_spec(self, scores, training=training)

    def compute_output_shape(self, scores_shape: Shape) -> Shape:
        """Shape of the output, for layers that wrap this one."""
        return tuple(self.compute_output_spec(keras.KerasTensor(scores_shape)).shape)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask of units on; a sample axis takes none."""
        of_units = (
            mask is not None and len(mask.shape) <= len(inputs.shape) - self.num_axes
        )
        return mask if of_units and self.num_samples is None else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "argmax": keras.saving.serialize_keras_object(self.argmax),
            "num_samples": self.num_samples,
            "num_axes": self.num_axes,
            "inference": self.inference,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PerturbedArgmax":
        argmax = keras.saving.deserialize_keras_object(config["argmax"])
        return cls(**{**config, "argmax": argmax})


def _beside(values: Tensor, state: Tensor) -> Tensor:
    """A value of each problem, with as many axes as its solution."""
    ones = [1] * (len(state.shape) - len(values.shape))
    return ops.reshape(values, (*ops.shape(values), *ones))
