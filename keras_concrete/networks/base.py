"""What networks for density estimation and for prediction share: sampling and scoring."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
from keras import ops

from keras_concrete import estimators, objectives
from keras_concrete.checks import check_count
from keras_concrete.layers import BernoulliLogLikelihood
from keras_concrete.networks.layer_maker import LayerMaker
from keras_concrete.networks.notation import Architecture
from keras_concrete.schedules import Setting
from keras_concrete.types import Tensor

__all__ = ["Draw", "Latent", "Network", "Terms"]


class Draw(NamedTuple):
    """What one pass of sampling computes, a list entry for each latent layer.

    Attributes:
        conditions: What the layer was conditioned on.
        logits: The logits it was drawn with.
        nodes: Its nodes.
        codes: Its codes.
    """

    conditions: list[Tensor]
    logits: list[Tensor]
    nodes: list[Tensor]
    codes: list[Tensor]


class Terms(NamedTuple):
    """Terms of log p and of log q, as `MultiSampleBound` takes them."""

    log_joint: list[Tensor]
    log_posterior: list[Tensor]
    conditions: list[Tensor]

    def log_weights(self) -> Tensor:
        """Log-weights of the samples, `(batch, num_samples)`."""
        return objectives.log_weights(self.log_joint, self.log_posterior)


class Latent(NamedTuple):
    """The layers from the logits of a latent layer to its code and its score."""

    logits: Callable[[Tensor], Tensor]
    sample: keras.layers.Layer
    code: keras.layers.Layer
    log_prob: keras.layers.Layer


class Network:
    """What both forms share: sampling layer by layer, and the decoder.

    Args:
        architecture: The parsed notation.
        maker: Makes the layers.
        estimator: Name of the gradient estimator.
        visible_mean: Mean of each pixel, within (0, 1), or None for 1/2.
    """

    def __init__(
        self,
        architecture: Architecture,
        maker: LayerMaker,
        estimator: str,
        visible_mean: Sequence[float] | None,
    ) -> None:
        self.latents: list[Latent] = []
        self._estimator = estimators.get(estimator)
        self._discrete_unit = self._estimator.discrete_unit(maker.arity == 2)
        self._links = architecture.links[::-1]
        self._bits = architecture.latent_units[::-1]
        self.arity = maker.arity
        self.unit_counts = [bits // maker.bits_per_unit for bits in self._bits]
        self._num_pixels = architecture.visible_units
        self.visible_logits = maker.visible_logits(
            self._links[0], self._bits[0], architecture.visible_units, visible_mean
        )
        self.log_likelihood = BernoulliLogLikelihood(
            sample_axis=True, name="log_likelihood", **maker.options
        )
        self.bound = maker.bound("bound")

    def next_key(self) -> Tensor:
        """A new key for noise, by the generator of latent layer 1."""
        return self.latents[0].sample.next_key()

    def _latent(
        self,
        number: int,
        maker: LayerMaker,
        temperature: Setting,
        logits: Callable[[Tensor], Tensor],
        role: str,
    ) -> Latent:
        return Latent(
            logits=logits,
            sample=maker.sampler(temperature, f"latent_{number}_arity_{maker.arity}"),
            code=maker.code(f"code_{number}"),
            log_prob=maker.log_prob(temperature, f"log_{role}_{number}"),
        )

    def _draw(
        self,
        latents: Sequence[Latent],
        condition: Tensor,
        num_samples: Tensor | None,
        training: bool | None,
        centers: Sequence[keras.layers.Layer] = (),
        nodes: Sequence[Tensor] | None = None,
    ) -> Draw:
        """Samples one latent layer after another, each conditioned on the one before.

        Args:
            latents: The layers, in the order of sampling.
            condition: What the first is conditioned on, `(batch, units)`.
            num_samples: Samples for each example; None for one and no sample axis.
            training: Whether the training graph is meant.
            centers: Layers through which a code is read by the next layer.
            nodes: Nodes, discrete, to take in place of samples; or None.
        """
        if num_samples is not None:
            check_count("num_samples", num_samples)
        draw = Draw([], [], [], [])
        for i, latent in enumerate(latents):
            logits = latent.logits(condition)
            if nodes is not None:
                state, node = self._discrete_unit.discrete_state(nodes[i]), nodes[i]
            else:
                # What depends on data alone is computed once for an example.
                samples = num_samples if i == 0 else None
                state, node = latent.sample(
                    logits, num_samples=samples, training=training
                )
            code = latent.code(state)
            for part, value in zip(draw, (condition, logits, node, code), strict=True):
                part.append(value)
            condition = code
            if i < len(centers):
                condition = centers[i](code, training=training)
        return draw

    def _of_samples(self, terms: Terms, num_samples: Tensor) -> Terms:
        """The terms without the rows that the estimator adds in training."""
        log_joint, log_posterior = (
            [self._samples(term, num_samples) for term in part] for part in terms[:2]
        )
        return Terms(log_joint, log_posterior, terms.conditions)

    def _samples(self, rows: Tensor, num_samples: Tensor) -> Tensor:
        """Of what has a sample axis, the samples."""
        return rows[:, :num_samples] if self._estimator.adds_rows else rows

    def state_nodes(self, digits: Sequence[Tensor]) -> list[Tensor]:
        """Nodes of given states.

        Args:
            digits: For each latent layer, from the image upward, the numbers of its
                units' states, `(batch, num_samples, units)`.

        Returns:
            A node that rounds to them for each layer.
        """
        as_rows = self.arity > 2 or bool(self._discrete_unit.node_shape(()))
        if as_rows:
            return [ops.one_hot(digit, self.arity, dtype="float32") for digit in digits]
        return [2.0 * ops.cast(digit, "float32") - 1.0 for digit in digits]

    def _scores(
        self, latents: Sequence[Latent], draw: Draw, training: bool | None
    ) -> list[Tensor]:
        """Log-probability of each layer under the logits that it was drawn with."""
        return [
            latent.log_prob(
                node, logits, drawn_logits=self._drawn(logits), training=training
            )
            for latent, node, logits in zip(latents, draw.nodes, draw.logits, strict=True)
        ]

    def _drawn(self, logits: Tensor) -> Tensor | None:
        """Logits of a draw, for estimators that read them."""
        return logits if self._estimator.reads_drawn_logits else None
