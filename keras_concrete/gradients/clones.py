"""A belief network again, with the same weights and another estimator."""

import re
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.types import Tensor

__all__ = ["clone_with", "mean_bound", "network_parts", "network_weights", "settle"]

_SETTLING_STEPS = 500


def clone_with(
    model: SigmoidBeliefNetwork, estimator: str, num_samples: int, seed: int
) -> SigmoidBeliefNetwork:
    """A network of the same weights, at the temperatures of this moment.

    Args:
        model: The network.
        estimator: Name of the clone's estimator. If it is the model's, what the estimator
            owns (baselines, averages) is copied as well.
        num_samples: Number of samples m of the clone.
        seed: Integer, for what the estimator owns.

    Returns:
        The clone.

    Raises:
        ValueError: If the estimator is not for that arity or number of samples.
    """
    sampler = model._network.latents[0].sample
    prior = None
    if not model.is_conditional:
        prior = float(model.get_layer("log_prior_1").current_temperature)
    settings = {
        "num_samples": num_samples,
        "estimator": estimator,
        "prior_temperature": prior,
        "posterior_temperature": float(sampler.current_temperature),
        "seed": seed,
    }
    clone = SigmoidBeliefNetwork.from_config(model.get_config() | settings)
    values = {weight.path: weight for weight in model.weights}
    owned = {id(weight) for weight in clone._bound.weights}
    for weight in clone.weights:
        if id(weight) not in owned or estimator == model.estimator:
            weight.assign(np.array(values[weight.path]))  # JAX gives away what it trains.
    return clone


def mean_bound(model: SigmoidBeliefNetwork, x: Any) -> Tensor:
    """The mean over examples of the bound in training, with the estimator's gradient.

    Args:
        model: The network.
        x: Data; for a conditional network the pair `(context, image)`.
    """
    inputs, image = x if model.is_conditional else (x, x)
    outputs = model(inputs, training=True)
    return ops.mean(model.results(image, outputs, True)["bound"])


def network_weights(model: SigmoidBeliefNetwork) -> list[keras.Variable]:
    """The weights that train, without those that the estimator owns."""
    owned = {id(weight) for weight in model._bound.weights}
    return [weight for weight in model.trainable_weights if id(weight) not in owned]


def network_parts(model: SigmoidBeliefNetwork) -> dict[str, np.ndarray]:
    """Which of the `network_weights` each part has, an array of their places.

    Parts are `all`; `posterior`, the inference network, and `prior and likelihood`; and
    each function between two layers, such as `posterior_1`, `prior_2`, `likelihood`.
    """
    places: dict[str, list[int]] = {}
    weights = network_weights(model)
    for place, weight in enumerate(weights):
        function = re.sub(r"_(logits|tanh_\d+)$", "", weight.path.split("/")[0])
        places.setdefault(function, []).append(place)
    posterior = [name for name in places if name.startswith("posterior")]
    of_model = [name for name in places if name not in posterior]
    both = {"posterior": posterior, "prior and likelihood": of_model}
    grouped = {"all": [*range(len(weights))]} | {
        group: sorted(place for name in names for place in places[name])
        for group, names in both.items()
    }
    functions = {name: places[name] for name in sorted(posterior) + sorted(of_model)}
    return {
        name: np.array(found) for name, found in (grouped | functions).items() if found
    }


def settle(model: SigmoidBeliefNetwork, x: Any, jit_compile: bool) -> None:
    """Trains what the estimator owns on some data, and nothing else.

    Args:
        model: A clone whose averages and baselines have seen no data.
        x: The data, as `mean_bound` takes them.
        jit_compile: Whether XLA compiles the steps.
    """
    owned = {id(weight) for weight in model._bound.weights}
    if not owned:
        return
    others = [w for w in model.non_trainable_weights if id(w) not in owned]
    averages = [(weight, np.array(weight)) for weight in others]
    network = network_weights(model)
    for weight in network:
        weight.trainable = False
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
    with warnings.catch_warnings():
        # An average is no weight that trains, and learns all the same.
        warnings.filterwarnings("ignore", "The model does not have any trainable weights")
        for _ in range(_SETTLING_STEPS):
            model.train_on_batch(*(x if model.is_conditional else (x,)))
    for weight in network:
        weight.trainable = True
    for average, value in averages:
        average.assign(value)
