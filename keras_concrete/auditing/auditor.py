"""An audit of a model's discrete units, by what they do on data."""

import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_concrete.array_batches import examples_of, tensors_as_fit_takes
from keras_concrete.auditing import behaviour, logits, units
from keras_concrete.auditing.finding import Finding
from keras_concrete.auditing.places import Place, has_graph, places
from keras_concrete.layers import MultiSampleBound
from keras_concrete.layers.sampler import Sampler
from keras_concrete.programs import gradients
from keras_concrete.sublayers import all_layers
from keras_concrete.types import Tensor

__all__ = ["audit"]


def audit(model: keras.Model, data: Any) -> list[Finding]:
    r"""Looks for faults of the discrete units in a Keras model, of any kind and origin.

    It runs the layers on the data, in training and outside, and reports:

    * `"soft straight-through"`: a layer that is to pass on discrete states, with the
      gradient of smooth ones, and passes on soft states;
    * `"no gradient"`: a layer that draws at random, or gives states of 0 and 1, or of -1
      and 1, and lets no gradient through, so that the encoder before it does not train;
    * `"probabilities as logits"`: probabilities given to layers of this package, or to a
      cross-entropy of Keras with `from_logits=True`; and logits to one without it;
    * `"constant units"`: units with one state for all of 32 examples or more;
    * `"training gap"`: states whose mean in training is further from that outside it than
      the noise of one draw; or a layer that is called with `training=True`.

    Dropout, batch normalisation and whatever else Keras has of its own is no fault.
    The model stays as it is: weights, averages and the noise to come.

    What it cannot see: layers inside other layers (in `TimeDistributed`, recurrent cells,
    layers made of layers), of which only the whole is judged; `HardConcrete` and
    `PerturbedArgmax`, and of `SubsetSample` all but its logits; what losses of your own
    take; a straight-through written with `keras.ops` between layers; codes of other
    values, or integers, that let no gradient through; faults that do not show on these
    data. Of a subclassed model, whose layers cannot be followed, it knows the outputs,
    and which weights no gradient of these reaches.

    Args:
        model: The model. If it is compiled, its losses are looked at too.
        data: What the model takes: an array of examples, or a tuple, list or dict of
            them, as many as fit into memory at once. A few hundred will do.

    Returns:
        The findings, `print(*findings, sep="\n")`; none for a healthy model.

    Raises:
        ValueError: If `model` is no Keras model, or there are no data.

    Example:
    >>> import keras_concrete as kc
    >>> inputs = keras.Input((4,))
    >>> probabilities = keras.layers.Dense(3, "sigmoid")(inputs)
    >>> bits = kc.BinaryConcreteSample(0.5, seed=0, name="bits")(probabilities)
    >>> model = keras.Model(inputs, keras.layers.Dense(4)(bits))
    >>> for finding in audit(model, np.random.default_rng(0).random((64, 4))):
    ...     print(finding)
    The layer 'bits' takes logits, and what it is given are probabilities: leave out the
    sigmoid or softmax before it.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            "Argument `model` must be a keras.Model; for a layer make one by "
            f"keras.Sequential. Received: a {type(model).__name__}"
        )
    examples, _ = examples_of(data, "data")
    x = tensors_as_fit_takes(examples)
    if not model.built:
        model(x, training=False)
    # One scope for all draws: within it generators go on, and after it they go back.
    with keras.StatelessScope(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The logits given to the layer")
        return list(_findings(model, x))


def _findings(model: keras.Model, x: Any) -> Iterator[Finding]:
    yield from logits.faults_of_losses(model, model(x, training=False))
    if not has_graph(model):
        yield from _cut_off(model, x)
        return
    ends_in_bound = any(isinstance(i, MultiSampleBound) for i in all_layers(model))
    for place in places(model, x):
        yield from logits.faults_of_logits(place)
        if isinstance(place.layer, Sampler):
            yield from units.faults_of_sampler(place, ends_in_bound)
            yield from units.faults_of_call(place)
            yield from units.faults_of_states(place)
        elif not _may_be_unit(place):
            continue
        elif units.is_stochastic(place):
            yield from units.faults_of_stranger(place)
            if units.draws_states(place):
                yield from units.faults_of_call(place)
                yield from units.faults_of_states(place)
        else:
            yield from units.faults_of_rounding(place)


def _may_be_unit(place: Place) -> bool:
    is_ours = type(place.layer).__module__.partition(".")[0] == "keras_concrete"
    return not is_ours and not behaviour.is_of_keras(place.layer)


def _cut_off(model: keras.Model, x: Any) -> Iterator[Finding]:
    """Layers of a stochastic model that no gradient of its outputs reaches."""
    first, second = behaviour.draw(Place(model, (x,), {}, False), True, 2)
    weights = model.trainable_weights
    if np.array_equal(first, second) or not weights:
        return
    random = np.random.default_rng(0)
    for weight in weights:
        # A layer that starts from zeros lets no gradient through, and is no fault.
        weight.assign(weight + 1e-2 * random.normal(size=weight.shape))

    def total() -> Tensor:
        return behaviour.random_sum(keras.tree.flatten(model(x, training=True)))

    found = gradients(total, weights, model)
    reached = {
        id(weight)
        for weight, gradient in zip(weights, found, strict=True)
        if behaviour.is_nonzero(gradient)
    }
    for layer in all_layers(model):
        own = [] if layer is model else layer.trainable_weights
        if own and not any(id(weight) in reached for weight in own):
            yield Finding(
                "no gradient",
                layer.name,
                "has weights that no gradient of the outputs reaches, in a model that "
                "draws at random",
                "let a smooth state carry the gradient past the discrete one, as "
                "y_soft + stop_gradient(y_hard - y_soft) does",
            )
