"""The bound of a belief network by enumeration: the referee of all estimators."""

import itertools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import objectives
from keras_concrete.array_batches import examples_of
from keras_concrete.checks import check_positive
from keras_concrete.latent_variable_model import check_model_data
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.types import Tensor

__all__ = ["MAX_STATES", "exact_bound", "num_joint_states"]

# Rows for each example that are computed and held at once.
MAX_STATES = 2**16


def exact_bound(model: SigmoidBeliefNetwork, x: Any, num_samples: int = 1) -> Tensor:
    """The mean of the discrete bound L_m over all draws, for each example.

    Every joint state of the latent layers is scored: `sum over z of q(z given x) *
    (log p(x, z) - log q(z given x))` for m = 1, the same over all m-tuples of states for
    larger m. Nothing is drawn, so that its gradient (by `tf.GradientTape`, say) is what
    an unbiased estimator has on the mean: for `"vimco"`, `"nvil"` and the two of
    `"reinforce"` with `num_samples=m`; for those that maximise the mean ELBO, such as
    `"reinforce_loo"`, `"disarm"`, `"rebar"` and `"relax"`, with `num_samples=1`.

    It is a function and no estimator, since a sampler knows only its own layer: to list
    joint states it would have to know how many the layers after it have.

    Args:
        model: Belief network of any estimator; only its weights matter. The noise of
            `"gaussian"` and `"logistic_normal"` does not.
        x: Binary data, `(batch, visible units)`; for a conditional network the pair
            `(context, image)`, whose bound is that of log p(image given context).
        num_samples: m.

    Returns:
        Float32 tensor `(batch,)`, in nats.

    Raises:
        ValueError: If the number of joint states to the power of m is above the limit,
            `num_samples` is not a positive integer, `model` is no belief network, or `x`
            not its data.

    Example:
    >>> model = SigmoidBeliefNetwork("2H-3V", seed=0)
    >>> bounds = [float(exact_bound(model, np.ones((1, 3)), m)[0]) for m in (1, 2, 3)]
    >>> bounds[0] < bounds[1] < bounds[2]
    True

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: equation 8.
    """
    check_positive("num_samples", num_samples, int)
    if not isinstance(model, SigmoidBeliefNetwork):
        raise ValueError(
            "Argument `model` must be a SigmoidBeliefNetwork, whose joint states are "
            f"known: for others use evaluate_bound. Received: a {type(model).__name__}"
        )
    x, batch = examples_of(x)
    check_model_data(model, x)
    network = model._network
    counts = network.unit_counts
    num_states = num_joint_states(model)
    if num_states**num_samples > MAX_STATES:
        raise ValueError(
            f"Enumeration takes {num_states} joint states of {sum(counts)} units to the "
            f"power of num_samples={num_samples}, above the limit of {MAX_STATES}. Take "
            "a network of fewer units or a smaller `num_samples`, or estimate: the bound "
            "by evaluate_bound, its gradient by the mean of many draws of 'vimco'."
        )
    x = keras.tree.map_structure(lambda part: ops.cast(part, "float32"), x)
    terms = network.terms_of_nodes(x, network.state_nodes(_digits(network, batch)))
    log_q = objectives.sum_terms(terms.log_posterior)
    log_weights = terms.log_weights()
    if num_samples > 1:
        rows = itertools.product(range(num_states), repeat=num_samples)
        tuples = np.array(list(rows), "int32")
        bounds = ops.logsumexp(ops.take(log_weights, tuples, axis=1), axis=2)
        log_weights = bounds - math.log(num_samples)
        log_q = ops.sum(ops.take(log_q, tuples, axis=1), axis=2)
    return ops.sum(ops.exp(log_q) * log_weights, axis=1)


def num_joint_states(model: SigmoidBeliefNetwork) -> int:
    """Number of joint states of all latent units of a network.

    Args:
        model: The network.

    Example:
    >>> num_joint_states(SigmoidBeliefNetwork("3H-2H-4V"))
    32
    """
    return int(model.arity) ** sum(model._network.unit_counts)


def _digits(network: Any, batch: Tensor) -> list[Tensor]:
    """Joint states for each example: a list entry `(batch, states, units)` a layer."""
    counts = network.unit_counts
    rows = itertools.product(range(network.arity), repeat=sum(counts))
    states = np.array(list(rows), "int32")
    layers = np.split(states, np.cumsum(counts)[:-1], axis=1)
    return [ops.broadcast_to(layer, (batch, *layer.shape)) for layer in layers]
