"""The recurrent layer over a cell of discrete states, which adds its KL to the loss."""

from typing import Any

import keras
from keras import ops

from keras_concrete.layers.added_loss import add_loss, mean_or_zero
from keras_concrete.layers.discrete_state_cell import DiscreteStateCell
from keras_concrete.layers.pass_terms import (
    Draw,
    KLTerm,
    are_watched,
    note,
    watched_terms,
)
from keras_concrete.step_mean import StepMean
from keras_concrete.types import Shape, Tensor

__all__ = ["DiscreteStateRNN"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class DiscreteStateRNN(keras.layers.Layer):
    """Runs a `DiscreteStateCell` along a sequence, and adds its loss to the model's.

    The loss is the cell's, summed over the steps and averaged over the batch. `fit` and
    `evaluate` report the KL of a sequence, in nats and without free nats and weights,
    under the layer's name and `_kl`. At a masked step the cell stands still: its states
    and its output are those of the step before, and nothing is added to loss and KL.

    Args:
        cell: `DiscreteStateCell`.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Sequences of observations, and actions if the cell has some.
        training: Whether gradients flow through the states.
        mask: Mask of steps `(batch, time)`, which Keras passes on.

    Input shape:
        `(batch, time, features)`.

    Output shape:
        `(batch, time, units + num_variables * num_states)`: of each step what is
        remembered and the state, in the compute dtype.

    Raises:
        ValueError: If `cell` is no `DiscreteStateCell`.

    Example:
    >>> import keras, numpy as np
    >>> import keras_concrete as kc
    >>> cell = kc.DiscreteStateCell(16, num_variables=4, num_states=8, seed=0)
    >>> x = keras.Input((5, 10))
    >>> features = kc.DiscreteStateRNN(cell, name="world")(x)
    >>> model = keras.Model(x, keras.layers.Dense(10)(features))
    >>> model.compile("adam", "mse")
    >>> video = np.zeros((2, 5, 10), "float32")
    >>> sorted(model.evaluate(video, video, verbose=0, return_dict=True))
    ['loss', 'world_kl']

    Reference:
        Hafner, Pasukonis, Ba & Lillicrap, "Mastering Diverse Domains through World
        Models", 2023.
    """

    def __init__(self, cell: DiscreteStateCell, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(cell, DiscreteStateCell):
            raise ValueError(
                f"Argument `cell` must be a DiscreteStateCell. Received: cell={cell!r}"
            )
        self.cell = cell
        self._rnn = keras.layers.RNN(
            cell,
            return_sequences=True,
            return_state=True,
            unroll=keras.backend.backend() == "jax",  # Whose loops draw no noise.
            dtype=cell.dtype_policy,
        )
        self._mean = StepMean(name=f"{self.name}_kl")
        self.autocast = False
        self.supports_masking = True

    def build(self, inputs_shape: Shape) -> None:
        """Builds the cell."""
        self._rnn.build(inputs_shape)

    def call(
        self, inputs: Tensor, training: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        """Runs the cell."""
        with watched_terms():  # The draws of its steps, which one term scores.
            features, _, _, sums = self._rnn(inputs, training=training, mask=mask)
        loss, kl, log_ratio = ops.unstack(ops.cast(sums, "float32"), 3, axis=-1)
        self._mean.add_call(kl, training)
        if are_watched():
            note(Draw(self.name, has_density=True))
            note(KLTerm(self.name, self.name, log_ratio))
        else:
            add_loss(self, mean_or_zero(loss), training, "put it before or behind it")
        return ops.cast(features, self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (*inputs_shape[:2], self.cell.output_size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": keras.layers.serialize(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DiscreteStateRNN":
        """Makes the layer again, with its cell."""
        return cls(**{**config, "cell": keras.layers.deserialize(config["cell"])})
