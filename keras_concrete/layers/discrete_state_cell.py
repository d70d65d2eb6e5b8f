"""The recurrent cell of a world model with discrete states, after DreamerV3."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators
from keras_concrete.checks import (
    check_not_negative,
    check_num_states,
    check_positive,
    check_share,
)
from keras_concrete.estimators.straight_through import (
    StraightThrough,
    StraightThroughGumbelSoftmax,
)
from keras_concrete.layers.categorical_parts import categorical_kl, unimix
from keras_concrete.layers.kl_loss import balanced_kl, check_free_nats
from keras_concrete.layers.sample import ConcreteSample
from keras_concrete.types import Shape, Tensor

__all__ = ["DiscreteStateCell"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class DiscreteStateCell(keras.layers.Layer):
    """A step of a state-space model whose states are vectors of categorical variables.

    At each step, with the observation x, the action a before it, and D dense networks:

        h = GRU(D(z_before, a), h_before)    what is remembered
        p(z given h) = softmax(D(h))         the prior, which predicts
        q(z given h, x) = softmax(D(h, x))   the posterior, which sees
        z drawn from q, with a straight-through gradient

    Both distributions are mixed with 1 % of the uniform one. The loss of a step is, with
    sg stopping gradients and the KL summed over the variables,

        dynamics_weight max(free_nats, KL(sg(q), p))
            + representation_weight max(free_nats, KL(q, sg(p)))

    for each example by itself. The cell adds it up in the last of its states. Use it in
    `DiscreteStateRNN`, which adds the sum to the losses of the model; in
    `keras.layers.RNN` the sums are for you to use.

    The sum is in nats for a sequence. Keras's losses are means over the n numbers of a
    sequence: beside one, divide both weights by n, or the KL keeps the states empty.

    Args:
        units: Size of h, and of the hidden layers of the networks.
        num_variables: Number of categorical variables of a state.
        num_states: Number of states of each.
        action_size: Number of features, the last ones of the input, that are the action
            and not the observation.
        unimix: Share of the uniform distribution, in [0, 1).
        dynamics_weight: Weight of the KL that trains the prior.
        representation_weight: Weight of the KL that trains the posterior.
        free_nats: Nats of the KL of a step below which there is no gradient.
        estimator: Name of a straight-through estimator: gradients flow through its
            states, which are discrete in training too, as the ratio of masses needs.
        seed: Integer for the noise, or None.
        kwargs: Arguments of `keras.layers.Layer`. The dtype is float32 under every policy
            unless it is given here, since the sums are states of the cell.

    Call arguments:
        inputs: Observation and action, `(batch, features)`.
        states: List of h `(batch, units)`, z `(batch, num_variables * num_states)`, and
            the sums `(batch, 3)` of: the loss; the KL in nats, without free nats and
            weights; and log q - log p of the states drawn.
        training: Whether gradients flow through the states.

    Output shape:
        `(batch, units + num_variables * num_states)`: h beside z. Then the states.

    Raises:
        ValueError: If an argument is out of its range, the estimator is no
            straight-through one, or the input has no features beside the action.

    Example:
    >>> import keras, numpy as np
    >>> cell = DiscreteStateCell(16, num_variables=4, num_states=8)
    >>> video = np.zeros((2, 5, 10), "float32")
    >>> keras.layers.RNN(cell, return_sequences=True)(video).shape
    TensorShape([2, 5, 48])
    >>> states = cell.get_initial_state(batch_size=2)
    >>> features, states = cell.imagine(states)
    >>> features.shape
    TensorShape([2, 48])

    Reference:
        Hafner, Pasukonis, Ba & Lillicrap, "Mastering Diverse Domains through World
        Models", 2023: equations 3 to 5. Its GRU and networks have normalisation and
        blocks, which these have not. The weights 1 and 0.1 are those of the version
        published in Nature, 2025; the first on arXiv had 0.5 and 0.1.
    """

    def __init__(
        self,
        units: int,
        num_variables: int = 32,
        num_states: int = 32,
        action_size: int = 0,
        unimix: float = 0.01,
        dynamics_weight: float = 1.0,
        representation_weight: float = 0.1,
        free_nats: float = 1.0,
        estimator: str = "straight_through",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        for name, value in (
            ("units", units),
            ("num_variables", num_variables),
        ):
            check_positive(name, value, int)
        check_num_states(num_states)
        check_positive("dynamics_weight", dynamics_weight)
        check_positive("representation_weight", representation_weight)
        check_not_negative("action_size", action_size, int)
        check_share("unimix", unimix, can_be_zero=True)
        _check_estimator(estimator)
        self.units = int(units)
        self.num_variables = int(num_variables)
        self.num_states = int(num_states)
        self.action_size = int(action_size)
        self.unimix = float(unimix)
        self.dynamics_weight = float(dynamics_weight)
        self.representation_weight = float(representation_weight)
        self.free_nats = check_free_nats(free_nats)
        self.estimator = estimator
        self.seed = seed
        size = self.num_variables * self.num_states
        self.state_size = [self.units, size, 3]
        self.output_size = self.units + size
        dtype = {"dtype": self.dtype_policy}
        self.gru = keras.layers.GRUCell(self.units, name="gru", **dtype)
        self.sampler = ConcreteSample(
            1.0, estimator=estimator, seed=seed, name="sampler", **dtype
        )
        self.entry = keras.layers.Dense(self.units, "silu", name="entry", **dtype)
        self.prior, self.posterior = (
            keras.Sequential(
                [
                    keras.layers.Dense(self.units, "silu", **dtype),
                    keras.layers.Dense(size, **dtype),
                ],
                name=name,
            )
            for name in ("prior", "posterior")
        )

    def build(self, inputs_shape: Shape) -> None:
        """Builds the networks."""
        observed = (inputs_shape[-1] or 0) - self.action_size
        if observed < 1:
            raise ValueError(
                f"{self.name!r} expects inputs of an observation and an action of "
                f"{self.action_size} features, (batch, features). Received: "
                f"inputs.shape={tuple(inputs_shape)}"
            )
        batch, size = inputs_shape[0], self.state_size[1]
        self.entry.build((batch, size + self.action_size))
        self.gru.build((batch, self.units))
        self.prior.build((batch, self.units))
        self.posterior.build((batch, self.units + observed))
        self.sampler.build((batch, self.num_variables, self.num_states))

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Makes a step that sees the observation."""
        observed = inputs.shape[-1] - self.action_size
        observation, action = inputs[..., :observed], inputs[..., observed:]
        memory = self._remember(states, action)
        log_p = self._log_probs(self.prior(memory))
        log_q = self._log_probs(self.posterior(ops.concatenate([memory, observation], 1)))
        drawn = self.sampler(log_q, training=training)
        terms = ops.stack(
            [
                self._loss(log_q, log_p),
                categorical_kl(log_q, log_p),
                ops.sum(ops.cast(drawn, "float32") * (log_q - log_p), axis=(1, 2)),
            ],
            axis=-1,
        )
        sums = states[2] + ops.cast(terms, states[2].dtype)
        return self._step(memory, drawn, sums)

    def imagine(
        self, states: list[Tensor], action: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Makes a step that draws from the prior, and sees nothing.

        Args:
            states: States of the cell, as its call takes and returns them.
            action: `(batch, action_size)`, if there are actions.
            training: Whether gradients flow through the states.

        Returns:
            The output and the new states, whose sums are as before.
        """
        if (action is None) != (self.action_size == 0):
            raise ValueError(
                f"{self.name!r} has actions of {self.action_size} features, and imagines "
                f"{'without' if action is None else 'with'} `action`."
            )
        if not self.entry.built:
            raise ValueError(
                f"{self.name!r} has no weights yet: run it on some data before it is to "
                "imagine."
            )
        memory = self._remember(states, action)
        drawn = self.sampler(self._log_probs(self.prior(memory)), training=training)
        return self._step(memory, drawn, states[2])

    def _remember(self, states: list[Tensor], action: Tensor | None) -> Tensor:
        read = [states[1]] if action is None else [states[1], action]
        memory, _ = self.gru(self.entry(ops.concatenate(read, axis=-1)), [states[0]])
        return memory

    def _log_probs(self, logits: Tensor) -> Tensor:
        shape = (-1, self.num_variables, self.num_states)
        return unimix(ops.cast(ops.reshape(logits, shape), "float32"), self.unimix)

    def _loss(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        total = self.dynamics_weight + self.representation_weight
        balance = self.dynamics_weight / total
        return total * balanced_kl(categorical_kl, log_q, log_p, balance, self.free_nats)

    def _step(
        self, memory: Tensor, drawn: Tensor, sums: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        flat = ops.reshape(drawn, (-1, self.state_size[1]))
        return ops.concatenate([memory, flat], axis=-1), [memory, flat, sums]

    def get_initial_state(self, batch_size: Tensor) -> list[Tensor]:
        """States before the first step: 0."""
        return [ops.zeros((batch_size, n), self.compute_dtype) for n in self.state_size]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "num_variables": self.num_variables,
            "num_states": self.num_states,
            "action_size": self.action_size,
            "unimix": self.unimix,
            "dynamics_weight": self.dynamics_weight,
            "representation_weight": self.representation_weight,
            "free_nats": self.free_nats,
            "estimator": self.estimator,
            "seed": self.seed,
        }


def _check_estimator(estimator: str) -> None:
    discrete = StraightThrough | StraightThroughGumbelSoftmax
    if not isinstance(estimators.get(estimator), discrete):
        accepted = ", ".join(
            repr(name)
            for name in estimators.names()
            if isinstance(estimators.get(name), discrete)
        )
        raise ValueError(
            "Argument `estimator` must be one whose states are discrete in training and "
            f"let gradients through: {accepted}. Received: estimator={estimator!r}"
        )
