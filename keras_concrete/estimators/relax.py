"""RELAX: a learned function of the relaxed state as the control variate."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import beside_samples, check_first_draw
from keras_concrete.estimators.score_function import (
    ScoreFunction,
    score,
    update_average,
)
from keras_concrete.estimators.surrogate import Surrogate, bound_with_gradient_of
from keras_concrete.moving_average import moving_average
from keras_concrete.seeding import derive_seed
from keras_concrete.types import Tensor

__all__ = ["Relax"]


class RelaxSurrogate(Surrogate):
    """Each sample's log-weight against a network of its relaxed state.

    The network c has one hidden layer of tanh units. Its inputs are the relaxed states of
    the layer drawn first and, held fixed, the means of its units. A running mean of what
    it leaves of the log-weights is subtracted too. It trains with the model, to lower the
    mean square of the gradient of the logits.

    Attributes:
        decay: Of the running mean, which is updated after its use.
        hidden_units: Size of the hidden layer.
    """

    decay: ClassVar[float] = 0.8
    hidden_units: ClassVar[int] = 100

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Adds the network; refuses terms without their logits and node."""
        check_first_draw("relax", conditions)
        units = conditions[1][len(joint_shapes[0]) :]
        if None in units:
            raise ValueError(
                "The estimator 'relax' has a network of all units, whose number must be "
                "known: use 'disarm' or 'reinforce_loo'. Received: node.shape="
                f"{tuple(conditions[1])}"
            )
        size = math.prod(units) * (2 if self.num_states == 2 else 1)
        self.of_states = self._kernel("of_states", size, 1)
        self.of_means = self._kernel("of_means", size, 2)
        self.bias = self._weight("bias", (self.hidden_units,), "zeros")
        # Starts at 0: until it has learned, there is no control variate.
        self.output_kernel = self._weight("output", (self.hidden_units,), "zeros")
        self.mean = moving_average(self, "mean")

    def _kernel(self, name: str, size: int, number: int) -> keras.Variable:
        start = keras.initializers.GlorotUniform(derive_seed(self.seed, number))
        return self._weight(name, (size, self.hidden_units), start)

    def _weight(self, name: str, shape: tuple[int, ...], start: Any) -> keras.Variable:
        return self.add_weight(
            name=name, shape=shape, initializer=start, dtype="float32", autocast=False
        )

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        logits, node = conditions
        if len(log_joint[0].shape) == 1:
            log_joint = [ops.expand_dims(term, 1) for term in log_joint]
            log_posterior = [ops.expand_dims(term, 1) for term in log_posterior]
            node = ops.expand_dims(node, 1)
        log_weights = objectives.log_weights(log_joint, log_posterior)
        log_masses, relaxed, drawn = self._masses(logits, node)
        means = ops.stop_gradient(ops.exp(log_masses))
        variate, slope = self._control_variate(relaxed, means)
        rest = ops.stop_gradient(log_weights) - variate
        signal = rest - self.mean
        # What the noise itself does to the control variate, less what it does where the
        # discrete state is held: exp(z_i - max z) of the slope in log pi_i.
        largest = ops.max(relaxed, axis=-1, keepdims=True, initial=0.0)
        pathwise = slope * relaxed / largest
        # All units, also those of masked time steps, which log q leaves out and c reads.
        of_log_masses = signal[..., None, None] * drawn + pathwise
        gains = objectives.sum_terms(log_joint)
        gains = gains + ops.sum(score(of_log_masses, log_masses), axis=(2, 3))
        for log_q in log_posterior[1:]:
            gains = gains + score(signal, log_q)
        total = ops.sum(of_log_masses, axis=-1, keepdims=True)
        of_logits = of_log_masses - means * total
        square = ops.mean(ops.square(of_logits), axis=(2, 3)) / 2.0
        gains = gains - (square - ops.stop_gradient(square))
        update_average(self, self.mean, self.decay, rest)
        return bound_with_gradient_of(log_weights, ops.mean(gains, axis=1))

    def _masses(self, logits: Tensor, node: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the states of units: log-masses; relaxed and discrete states, held fixed.

        Each `(batch, num_samples, units, states)`, or with one sample for all.
        """
        # Here and not above: TFP takes a second to import.
        from keras_concrete.distributions.units import standard_unit

        unit = standard_unit(self.num_states == 2)
        node = ops.stop_gradient(node)
        logits = beside_samples(ops.cast(logits, "float32"), node)
        relaxed, drawn = (
            unit.masses(state)
            for state in (unit.relaxed_state(node), unit.discrete_state(node))
        )
        masses = (unit.log_masses(logits), relaxed, drawn)
        log_masses, relaxed, drawn = (
            ops.reshape(x, (*ops.shape(x)[:2], -1, self.num_states)) for x in masses
        )
        return log_masses, relaxed, drawn

    def _control_variate(self, relaxed: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
        """The network, and its slope in z, whose softmax the relaxed states are."""
        states, means = (
            ops.reshape(x, (*ops.shape(x)[:2], self.of_states.shape[0]))
            for x in (relaxed, means)
        )
        sums = ops.matmul(states, self.of_states) + ops.matmul(means, self.of_means)
        hidden = ops.tanh(sums + self.bias)
        value = ops.sum(hidden * self.output_kernel, axis=-1)
        slope = (1.0 - ops.square(hidden)) * self.output_kernel
        slope = ops.matmul(slope, ops.transpose(self.of_states))
        slope = ops.reshape(slope, ops.shape(relaxed))
        slope = slope - ops.sum(relaxed * slope, axis=-1, keepdims=True)
        return value, relaxed * slope


class Relax(ScoreFunction):
    """RELAX (Grathwohl et al., 2018), whose control variate is a network that learns.

    In the layer that is drawn first, with `z = log pi + Gumbel noise`, the discrete state
    b of z, the log-weight `f = log p(x, b) - log q(b given x)` and a network c, the
    logits get `(f - c(z')) * d log q(b) + d c(z) - d c(z')`. Here z' has the law of z
    given b, drawn by the noise that makes it equal to z: by the truncated Gumbels of z
    given b, `d z_i - d z'_i = exp(z_i - max z) * d log pi_i`, so that no second draw is
    needed. The network trains to lower the mean square of this gradient, whose
    expectation does not depend on it (equation 8 of the paper). It reads the softmax
    of z and the means of the units. Layers drawn from this one have the signal f - c(z).

    * Objective: the mean ELBO of the m samples, L_1 and not L_m: for L_m use `"vimco"`.
    * Bias: none. Decoder evaluations a step: m.
    * Works in belief networks of any depth, and in any model that ends in
      `MultiSampleBound` and calls it on `(log_joint, log_posterior, [logits, node])`, on
      units of any number of states.

    The temperature has no effect. Of the paper's two forms of c this is the one for
    black boxes; the other adds the relaxed decoder, which is the control variate of
    `"rebar"`, and then the slope of the square takes second derivatives of the decoder.

    Reference:
        Grathwohl, Choi, Wu, Roeder & Duvenaud, "Backpropagation through the Void:
        Optimizing Control Variates for Black-Box Gradient Estimation", ICLR 2018.
    """

    name = "relax"
    surrogate = RelaxSurrogate
    reads_first_draw: ClassVar[bool] = True
    objective: ClassVar[str] = "mean ELBO"
    signals_only: ClassVar[bool] = True

    def node(self, unit: Any, logits: Tensor, noise: Any, temperature: Tensor) -> Tensor:
        """The node at temperature 1, z up to a constant of each unit."""
        return unit.node(logits, noise, 1.0)
