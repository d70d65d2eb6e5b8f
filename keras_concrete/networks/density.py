"""The network for density estimation: a model of images, and one that infers codes."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_concrete import objectives
from keras_concrete.checks import (
    check_count,
    check_flag,
    check_images,
    check_positive,
)
from keras_concrete.layers import Centering
from keras_concrete.networks.base import Draw, Network, Terms
from keras_concrete.networks.layer_maker import LayerMaker
from keras_concrete.networks.notation import Architecture
from keras_concrete.temperatures import Temperatures
from keras_concrete.types import Shape, Tensor

__all__ = ["DensityNetwork"]


class DensityNetwork(Network):
    """A model p of the image, and an inference network q that runs up from it.

    Args:
        architecture: The parsed notation, without a context.
        maker: Makes the layers.
        estimator: Name of the gradient estimator.
        temperatures: Of the densities of p, and of the samples and densities of q.
        visible_mean: Mean of each pixel, within (0, 1), or None for 1/2.
        centering: Whether q reads centered codes.
        encoder_units: Units of the tanh layers of q next to the image, or None for those
            of the latent layer next to it.
    """

    metric_names = ("bound", "kl", "reconstruction")

    def __init__(
        self,
        architecture: Architecture,
        maker: LayerMaker,
        estimator: str,
        temperatures: Temperatures,
        visible_mean: Sequence[float] | None,
        centering: bool,
        encoder_units: int | None,
    ) -> None:
        super().__init__(architecture, maker, estimator, visible_mean)
        bits, links = self._bits, self._links
        numbers = range(1, len(bits) + 1)
        hidden = [_encoder_units(encoder_units, links[0], bits[0]), *bits[1:]]
        self.latents = [
            self._latent(
                i,
                maker,
                temperatures.posterior,
                maker.latent_logits(
                    f"posterior_{i}", links[i - 1], hidden[i - 1], bits[i - 1]
                ),
                "posterior",
            )
            for i in numbers
        ]
        self._priors: list[Callable[[Tensor], Tensor]] = [
            maker.latent_logits(f"prior_{i}", links[i], bits[i], bits[i - 1])
            for i in numbers[:-1]
        ]
        self._priors.append(maker.free_logits(bits[-1], f"prior_{len(bits)}"))
        self._log_priors = [
            maker.log_prob(temperatures.prior, f"log_prior_{i}") for i in numbers
        ]
        # Each layer of q but the last is read, less its average, by the next.
        check_flag("centering", centering)
        self._centers = [
            Centering(name=f"centering_{i}", **maker.options)
            for i in numbers[:-1]
            if centering
        ]

    def check_data(self, x: Any, y: Any) -> None:
        """Refuses arrays that are not images; what comes as `y` is not used."""
        check_images("x", x, self._num_pixels)

    def draw(
        self,
        x: Tensor,
        num_samples: Tensor | None,
        training: bool | None,
        nodes: Sequence[Tensor] | None = None,
    ) -> Draw:
        """Samples the latent layers from q, the one next to the image first."""
        return self._draw(self.latents, x, num_samples, training, self._centers, nodes)

    def terms(self, x: Tensor, num_samples: Tensor, training: bool | None) -> Terms:
        """Terms of log p(x, z) and of log q(z given x), from the image upward."""
        terms = self._terms(x, self.draw(x, num_samples, training), training)
        return self._of_samples(terms, num_samples)

    def terms_of_nodes(self, x: Tensor, nodes: Sequence[Tensor]) -> Terms:
        """The terms of given states, which are no draws, in the discrete graph."""
        return self._terms(x, self.draw(x, None, False, nodes), False)

    def _terms(self, x: Tensor, draw: Draw, training: bool | None) -> Terms:
        log_posterior = self._scores(self.latents, draw, training)
        log_prior = []
        for i, node in enumerate(draw.nodes):
            above = draw.codes[i + 1] if i + 1 < len(draw.codes) else x
            # Of the others the prior depends on the node, by way of the layer above.
            drawn = None if i + 1 < len(draw.codes) else self._drawn(draw.logits[i])
            log_prior.append(
                self._log_priors[i](
                    node, self._priors[i](above), drawn_logits=drawn, training=training
                )
            )
        logits = self.visible_logits(draw.codes[0])
        log_likelihood = self.log_likelihood(x, logits)
        conditions = draw.conditions
        if self._estimator.reads_first_draw:
            conditions = [draw.logits[0], draw.nodes[0]]
        return Terms([log_likelihood, *log_prior], log_posterior, conditions)

    def outputs(self, x: Tensor, num_samples: int) -> dict[str, Tensor]:
        """Outputs of the functional model."""
        terms = self._terms(x, self.draw(x, num_samples, None), None)
        parts = {
            "log_likelihood": terms.log_joint[:1],
            "log_posterior": terms.log_posterior,
            "log_prior": terms.log_joint[1:],
        }
        # Of the rows that an estimator adds in training, nothing is reported.
        rows = num_samples if self._estimator.adds_rows else None
        sums = {name: _sum(part, name, rows) for name, part in parts.items()}
        return {"bound": self.bound(*terms), **sums}

    def results(
        self, y: Tensor, y_pred: dict[str, Tensor], training: bool
    ) -> dict[str, Tensor]:
        """The quantities that `fit` reports, one number for each example."""
        kl = y_pred["log_posterior"] - y_pred["log_prior"]
        return {
            "bound": y_pred["bound"],
            "kl": ops.mean(kl, axis=1),
            "reconstruction": ops.mean(y_pred["log_likelihood"], axis=1),
        }

    def sample(self, num_images: Tensor, context: Tensor | None) -> Tensor:
        """Draws codes of the layer next to the image from p, discrete."""
        if context is not None:
            raise ValueError(
                "Argument `context` is for networks that predict one image from another, "
                "such as '392V-240H-392V'."
            )
        check_count("num_images", num_images)
        code = ops.zeros((num_images, 1), dtype="float32")
        for prior, latent in zip(self._priors[::-1], self.latents[::-1], strict=True):
            state, _ = latent.sample(prior(code), training=False)
            code = latent.code(state)
        return code


def _encoder_units(encoder_units: int | None, link: str, bits: int) -> int:
    if encoder_units is None:
        return bits
    if link == "-":
        raise ValueError(
            "Argument `encoder_units` is the size of tanh layers, which the link `-` "
            "next to the image has none of: leave it out, or join the two by `~`. "
            f"Received: encoder_units={encoder_units!r}"
        )
    check_positive("encoder_units", encoder_units, int)
    return encoder_units


def _sum(terms: list[Tensor], name: str, num_samples: int | None) -> Tensor:
    if num_samples is not None:
        name = f"{name}_of_samples"
        return _SumOfSamples(num_samples, name=name, dtype="float32")(terms)
    if len(terms) == 1:
        return terms[0]
    return keras.layers.Add(name=name, dtype="float32")(terms)


@keras.saving.register_keras_serializable(package="keras_concrete")
class _SumOfSamples(keras.layers.Layer):
    """Adds terms, and keeps the rows that are samples.

    One layer, so that weights have the same order as under any other estimator.
    """

    def __init__(self, num_samples: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_samples = num_samples

    def call(self, terms: list[Tensor]) -> Tensor:
        return objectives.sum_terms(terms)[:, : self.num_samples]

    def compute_output_shape(self, shapes: list[Shape]) -> Shape:
        return (shapes[0][0], self.num_samples)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_samples": self.num_samples}
