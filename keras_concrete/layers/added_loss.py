"""Losses that layers add, also on several replicas of a model, and on JAX."""

import weakref
from typing import Any

import keras
from keras import ops

from keras_concrete.graphs import in_loop_body
from keras_concrete.seeding import num_replicas
from keras_concrete.sublayers import all_layers, running_layers
from keras_concrete.types import Tensor

__all__ = ["add_loss", "mean_or_zero"]


def add_loss(layer: keras.Layer, loss: Tensor, training: bool, advice: str) -> None:
    """Adds a loss of a layer, in the dtype of the model's other losses.

    Args:
        layer: The layer that adds it.
        loss: Scalar.
        training: Whether it is for a training step.
        advice: What to do where the layer is part of a recurrent cell, for an error.

    Raises:
        ValueError: If Keras would lose it.
    """
    if in_loop_body():
        raise ValueError(
            f"{layer.name!r} would add its term to the loss inside a compiled loop, out "
            f"of which Keras takes no losses. In a recurrent cell: {advice}, or make the "
            "recurrent layer with unroll=True. In a loop over training steps: put the "
            "step into a tf.function of its own, which the loop calls."
        )
    if training:
        _check_replicas(layer.name)
    loss = ops.cast(loss, keras.config.floatx())
    if keras.backend.backend() == "jax":
        loss = _with_forgotten(layer, loss)
    layer.add_loss(loss)


def mean_or_zero(values: Tensor) -> Tensor:
    """The mean; 0 of an empty batch, of which Keras's own losses are 0."""
    size = ops.cast(ops.maximum(ops.size(values), 1), values.dtype)
    return ops.sum(values) / size


# By pass, and layer: its losses in that pass, and the one that Keras was given last.
_GIVEN: weakref.WeakKeyDictionary[Any, dict[int, tuple[list[Tensor], Tensor]]] = (
    weakref.WeakKeyDictionary()
)


def _with_forgotten(layer: keras.Layer, loss: Tensor) -> Tensor:
    """Adds to a loss those of earlier calls in the same pass, if Keras forgot them.

    `stateless_call`, by which a model runs in a training step on JAX, makes no call of
    the model's own. So to Keras each call of a layer begins a pass, at which it forgets
    the losses of that layer. A scope of one's own is taken for one pass too.
    """
    now = _stateless_pass()
    if now is None:
        return loss
    given = _GIVEN.setdefault(now, {})
    terms, last = given.get(id(layer), ([], None))
    is_forgotten = not any(last is kept for kept in layer.losses)
    total = sum(terms, loss) if is_forgotten else loss
    given[id(layer)] = [*terms, loss], total
    return total


def _stateless_pass() -> Any:
    """The scope of the `stateless_call` that runs, or None."""
    with keras.StatelessScope(initialize_variables=False) as probe:
        return probe.original_scope


def _check_replicas(name: str) -> None:
    """Refuses to add a loss where replicas wait for one another within a pass.

    A layer that averages a variable over the replicas of a `tf.distribute` strategy has
    one replica wait while the next one begins its pass, at which Keras forgets the losses
    that layers have added so far: their gradients would be lost in silence.

    Args:
        name: Name of the layer that would add a loss.

    Raises:
        ValueError: If there are replicas, and the model has such a variable.
    """
    if num_replicas() == 1:
        return
    models = running_layers(keras.Model)
    for variable in (v for model in models for v in _averaged(model)):
        raise ValueError(
            f"{name!r} would add a loss to a model that also averages "
            f"{variable.path!r} over the replicas of a tf.distribute strategy, and Keras "
            "then loses losses that layers add. Leave out that layer, as Centering; "
            "or lead a RelaxedKL without `loss_weight` to an output, "
            "and add it up in the compiled loss; or train on one device."
        )


def _averaged(model: keras.Model) -> list[keras.Variable]:
    """Variables that a training pass averages over replicas."""
    frozen = {
        id(v) for layer in all_layers(model) if not layer.trainable for v in layer.weights
    }
    return [
        v
        for v in model.non_trainable_weights
        if v.aggregation != "none" and id(v) not in frozen
    ]
