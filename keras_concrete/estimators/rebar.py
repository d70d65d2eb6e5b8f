"""REBAR: a relaxed control variate, and the same one given the discrete state."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete import noise as noises
from keras_concrete import objectives
from keras_concrete.estimators.base import LinearScore, check_sample_axis, rows_of
from keras_concrete.estimators.gumbel_rao import conditional_gumbels
from keras_concrete.estimators.score_function import ScoreFunction, score
from keras_concrete.estimators.surrogate import Surrogate, bound_with_gradient_of
from keras_concrete.types import Shape, Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["Rebar"]


class RebarSurrogate(Surrogate):
    """Each sample's log-weight less that of the relaxed state drawn given the sample.

    The rows are three blocks: the samples, their relaxed states, and relaxed states drawn
    anew given the samples.
    """

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses terms without a sample axis."""
        check_sample_axis("rebar", joint_shapes[0])

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        rows = objectives.log_weights(log_joint, log_posterior)
        log_weights, relaxed, conditional = ops.split(rows, 3, axis=1)
        log_p = ops.split(objectives.sum_terms(log_joint), 3, axis=1)[0]
        log_q = ops.split(objectives.sum_terms(log_posterior), 3, axis=1)[0]
        gains = log_p + score(log_weights - conditional, log_q) + relaxed - conditional
        return bound_with_gradient_of(log_weights, ops.mean(gains, axis=1))


class Rebar(LinearScore, ScoreFunction):
    """REBAR (Tucker et al., 2017).

    In the layer that is drawn first, b is the discrete state, s the relaxed state of the
    same noise, and t a relaxed state drawn given b. With the log-weight
    `f = log p(x, b) - log q(b given x)`, continued to relaxed states linearly in each
    unit's masses (`sum_i z_i log pi_i`), q's parameters get
    `(f(b) - f(t)) * d log q(b) + d f(s) - d f(t)`, where d goes through s and t to the
    logits: the paper's estimator with eta = 1. Since s and t are of one law, what is
    subtracted and what is added are equal on the mean. Layers drawn from this one are
    relaxed in the rows of s and t, with noise of their own, and have the signal
    f(b) - f(t).

    * Objective: the mean ELBO of the m samples, L_1 and not L_m: for L_m use `"vimco"`.
    * Bias: none, at any temperature. Decoder evaluations a step: 3 m.
    * Works in belief networks of any depth, and in any model that ends in
      `MultiSampleBound`, gives the sampler `num_samples` and is smooth in the states, on
      units of any number of states. Under another loss choose one whose gradient flows
      through the states.

    The temperature, that of the sampler, only changes the variance. The paper learns it,
    and eta, from the gradient of the variance, which takes second derivatives of the
    decoder; the callback `LearnedTemperature` learns it without, from the variance at its
    neighbours, and eta stays 1. The gradient of p is that of f(b), with the difference of
    f(s) and f(t), 0 on the mean, added.

    Reference:
        Tucker, Mnih, Maddison, Lawson & Sohl-Dickstein, "REBAR: Low-Variance, Unbiased
        Gradient Estimates for Discrete Latent Variable Models", NeurIPS 2017.
    """

    name = "rebar"
    surrogate = RebarSurrogate
    objective: ClassVar[str] = "mean ELBO"
    rows_per_sample: ClassVar[int] = 3

    def noise(self, unit: "Unit", shape: Shape, key: Tensor) -> Any:
        """Noise of the samples, and a key for that of the relaxed states."""
        return super().noise(unit, shape, key), noises.fold_in(key, 1)

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """Nodes of the samples, and of their two relaxed states."""
        noise, key = noise
        num_samples = ops.shape(noise)[1]
        node = unit.node(rows_of(logits, 0, num_samples), noise, temperature)
        if logits.shape[1] == 1:
            relaxed = [node, _conditional_node(unit, logits, node, temperature, key)]
        else:
            # Noise that knows nothing of these samples, so that f(t) is a baseline.
            other = unit.noise(ops.shape(noise), key)
            other = ops.concatenate([other, other], axis=1)
            relaxed = [unit.node(logits[:, num_samples:], other, temperature)]
        return ops.concatenate([node, *relaxed], axis=1)

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """Discrete samples, and relaxed states."""
        num_samples = self.num_samples_of(ops.shape(node)[1])
        return ops.concatenate(
            [
                unit.discrete_state(node[:, :num_samples]),
                unit.relaxed_state(node[:, num_samples:]),
            ],
            axis=1,
        )


def _conditional_node(
    unit: "Unit", logits: Tensor, node: Tensor, temperature: Tensor, key: Tensor
) -> Tensor:
    """Draws nodes given the discrete states of others, with gradients to the logits."""
    drawn = unit.masses(ops.stop_gradient(unit.discrete_state(node)))
    log_masses = unit.log_masses(logits)
    gumbels = noises.gumbel(ops.shape(drawn), key)
    sums = conditional_gumbels(drawn, log_masses, gumbels) / temperature
    is_binary = len(drawn.shape) > len(node.shape)
    return sums[..., 1] - sums[..., 0] if is_binary else ops.log_softmax(sums, axis=-1)
