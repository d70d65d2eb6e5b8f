"""Estimators of a network's gradient, compared on the same weights and data."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_concrete import estimators as registry
from keras_concrete.array_batches import examples_of
from keras_concrete.checks import check_choice, check_positive, check_seed
from keras_concrete.gradients.clones import clone_with
from keras_concrete.gradients.comparison import Comparison
from keras_concrete.gradients.moments import draws_of_block
from keras_concrete.gradients.rows import GradientReport
from keras_concrete.gradients.statistics import NUM_BLOCKS
from keras_concrete.latent_variable_model import check_model_data
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["gradient_report"]


def gradient_report(
    model: SigmoidBeliefNetwork,
    x: Any,
    estimators: Sequence[str] | None = None,
    num_draws: int = 1_000,
    seed: int = 0,
    jit_compile: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> GradientReport:
    """Measures bias, noise and cost of estimators on one network and batch.

    Each estimator has a clone of the model, with the same weights, and draws `num_draws`
    gradients of the mean training bound of `x`, in which only the noise differs. It is
    compared with the gradient of *its own* objective: the discrete bound L_m, or, for
    those that follow it (`"reinforce_loo"` and `"disarm"` among them), the mean ELBO.
    Those that train on the relaxed bound are compared with the discrete L_m, which counts
    in the end. Estimators that own weights (baselines, running means) and are not the
    model's get 500 steps on `x` to learn them, the network held fixed.

    The reference is that of `exact_bound` where the joint states can be listed. Beyond,
    it is a run four times as long of `"vimco"` for L_m, or of `"reinforce_loo"` with 16
    samples for the mean ELBO, neither of which has a bias; its noise is in the intervals
    and errors. Of a penalty on the weights nothing is measured.

    Small networks take seconds for each estimator, most of them to compile; memory
    does not grow with the number of draws.

    Args:
        model: Belief network; it stays as it is.
        x: Binary data, `(examples, visible units)`, a batch of training, say; for a
            conditional network the pair `(context, image)`.
        estimators: Names; by default all that are for this network.
        num_draws: Gradients of each, rounded up to a multiple of 20, and to 40.
        seed: Integer, of which alone the noise is a function.
        jit_compile: Whether XLA compiles the steps, as it does in `fit`.
        progress: Function that is told after each estimator how many are done, and of
            how many.

    Returns:
        The report.

    Raises:
        ValueError: If `model` is no belief network, `x` not its data, an estimator is not
            known, not for it or named twice, or `num_draws` not a positive integer.

    Example:
    >>> import numpy as np
    >>> model = SigmoidBeliefNetwork("2H-3V", num_samples=2, seed=0)
    >>> report = gradient_report(
    ...     model, np.eye(3), ["vimco", "concrete"], num_draws=200, jit_compile=False
    ... )
    >>> report.references
    {'bound': 'exact'}
    >>> [(row.estimator, row.bias_low > 0) for row in report.part("all")]
    [('vimco', False), ('concrete', True)]
    """
    if not isinstance(model, SigmoidBeliefNetwork):
        raise ValueError(
            "Argument `model` must be a SigmoidBeliefNetwork, whose objective does not "
            "depend on the estimator. For the gradient of another model use the callback "
            f"GradientVariance. Received: a {type(model).__name__}"
        )
    x, _ = examples_of(x)
    check_model_data(model, x)
    check_positive("num_draws", num_draws, int)
    check_seed(seed)
    x = keras.tree.map_structure(lambda part: ops.cast(part, "float32"), x)
    if isinstance(estimators, str):
        raise ValueError(
            "Argument `estimators` must be a list of names. Received: estimators="
            f"{estimators!r}; pass [{estimators!r}]"
        )
    names = registry.names() if estimators is None else list(estimators)
    for name in names:
        check_choice("estimators", name, registry.names())
    if len(set(names)) != len(names):
        raise ValueError(
            f"Argument `estimators` must hold each name once. Received: {names}"
        )
    comparison = Comparison(model, x, num_draws, int(seed), jit_compile)
    # All before the first run, which takes long.
    clones, skipped = [], {}
    for name in names:
        try:
            clone = clone_with(model, name, model.num_samples, int(seed))
            comparison.check(clone)
            clones.append(clone)
        except ValueError as error:
            if estimators is not None:
                raise
            skipped[name] = str(error)
    rows = []
    for done, clone in enumerate(clones, 1):
        rows += comparison.rows(clone)
        if progress is not None:
            progress(done, len(clones))
    size = NUM_BLOCKS * draws_of_block(num_draws, NUM_BLOCKS)
    return GradientReport(rows, size, model.num_samples, comparison.names, skipped)
