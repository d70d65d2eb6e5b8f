"""The network for structured prediction: one image given another."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_concrete.checks import check_flag, check_images
from keras_concrete.networks.base import Draw, Network, Terms
from keras_concrete.networks.layer_maker import LayerMaker
from keras_concrete.networks.notation import Architecture
from keras_concrete.temperatures import Temperatures
from keras_concrete.types import Tensor

__all__ = ["PredictionNetwork"]


class PredictionNetwork(Network):
    """A model of an image given a context; samples come from its own prior (section 5.3).

    Args:
        architecture: The parsed notation, with a context.
        maker: Makes the layers.
        estimator: Name of the gradient estimator.
        temperatures: Of which `posterior` is that of the whole graph.
        visible_mean: Mean of each predicted pixel, within (0, 1), or None for 1/2.
        centering: Of no effect: there is no inference network.
        encoder_units: None, likewise.

    Raises:
        ValueError: If there are `encoder_units`.
    """

    metric_names = ("bound",)

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
        if encoder_units is not None:
            raise ValueError(
                "Argument `encoder_units` is for networks that infer codes from images, "
                "such as '200H~784V': a conditional one draws them from its prior. "
                f"Received: encoder_units={encoder_units!r}"
            )
        check_flag("centering", centering)
        super().__init__(architecture, maker, estimator, visible_mean)
        self._context_units = architecture.context_units or 0
        above = [*self._bits[1:], self._context_units]
        self.latents = [
            self._latent(
                i + 1,
                maker,
                temperatures.posterior,
                maker.latent_logits(
                    f"prior_{i + 1}", self._links[i + 1], above[i], self._bits[i]
                ),
                "prior",
            )
            for i in range(len(self._bits))
        ]

    def check_data(self, x: Any, y: Any) -> None:
        """Refuses arrays that are not contexts and their images."""
        if y is None:
            self._refuse_missing_image()
        check_images("x", x, self._context_units)
        check_images("y", y, self._num_pixels)

    def _refuse_missing_image(self) -> None:
        raise ValueError(
            "A network that predicts one image from another is given both: "
            "fit(context, image), evaluate(context, image), "
            "evaluate_bound(model, (context, image))."
        )

    def draw(
        self,
        context: Tensor,
        num_samples: Tensor | None,
        training: bool | None,
        nodes: Sequence[Tensor] | None = None,
    ) -> Draw:
        """Samples the latent layers given the context; lists from the image upward."""
        nodes = nodes if nodes is None else nodes[::-1]
        draw = self._draw(self.latents[::-1], context, num_samples, training, (), nodes)
        return Draw(*(part[::-1] for part in draw))

    def terms(
        self,
        x: tuple[Tensor, Tensor],
        num_samples: Tensor,
        training: bool | None,
    ) -> Terms:
        """Terms of log p(image, z given context) and of log p(z given context)."""
        context, image = x
        draw = self.draw(context, num_samples, training)
        terms = self._terms(image, self._predictions(draw, training))
        return self._of_samples(terms, num_samples)

    def terms_of_nodes(self, x: tuple[Tensor, Tensor], nodes: Sequence[Tensor]) -> Terms:
        """The terms of given states, which are no draws, in the discrete graph."""
        context, image = x
        draw = self.draw(context, None, False, nodes)
        scores = self._scores(self.latents, draw, False)
        logits = self.visible_logits(draw.codes[0])
        return Terms([*scores, self.log_likelihood(image, logits)], scores, [])

    def outputs(self, context: Tensor, num_samples: int) -> dict[str, Any]:
        """Outputs of the functional model."""
        predictions = self._predictions(
            self.draw(context, num_samples, training=None), training=None
        )
        # The bound needs the image, which is not an input: this builds the layer.
        image = keras.Input((predictions["logits"].shape[-1],), dtype="float32")
        self.bound(*self._terms(image, predictions))
        logits = self._samples(predictions["logits"], num_samples)
        probabilities = ops.sigmoid(ops.cast(logits, "float32"))
        return {"probabilities": ops.mean(probabilities, axis=1), **predictions}

    def results(
        self, y: Tensor, y_pred: dict[str, Any], training: bool
    ) -> dict[str, Tensor]:
        """The quantities that `fit` reports, one number for each example."""
        if y is None:
            self._refuse_missing_image()
        terms = self._terms(ops.cast(y, "float32"), y_pred)
        return {"bound": self.bound(*terms, training=training)}

    def sample(self, num_images: Tensor, context: Tensor | None) -> Tensor:
        """Draws codes of the layer next to the image given a context, discrete."""
        if context is None:
            raise ValueError(
                "This network has no prior of its own to draw images from: pass the "
                "argument `context`, or call `predict(context)`."
            )
        return self.draw(context, num_images, training=False).codes[0]

    def _predictions(self, draw: Draw, training: bool | None) -> dict[str, Any]:
        predictions: dict[str, Any] = {"logits": self.visible_logits(draw.codes[0])}
        # Where gradients flow through the states, log p - log q of the sampling
        # distribution is 0 and its gradient too.
        if not self._estimator.pathwise:
            from_context = slice(None, None, -1)
            scores = self._scores(self.latents, draw, training)
            predictions["scores"] = scores[from_context]
            if self._estimator.reads_conditions:
                predictions["conditions"] = draw.conditions[from_context]
            elif self._estimator.reads_first_draw:
                predictions["conditions"] = [draw.logits[-1], draw.nodes[-1]]
        return predictions

    def _terms(self, image: Tensor, predictions: dict[str, Any]) -> Terms:
        log_likelihood = self.log_likelihood(image, predictions["logits"])
        scores = predictions.get("scores")
        if scores is None:
            return Terms([log_likelihood], [ops.zeros_like(log_likelihood)], [])
        conditions = predictions.get("conditions", [])
        if self._estimator.reads_conditions:
            # A baseline may read the image too: it is data.
            conditions = [_joined(condition, image) for condition in conditions]
        if not self._estimator.signals_only:
            return Terms([*scores, log_likelihood], scores, conditions)
        return Terms(
            [*map(ops.stop_gradient, scores), log_likelihood], scores, conditions
        )


def _joined(condition: Tensor, image: Tensor) -> Tensor:
    """Appends the image to what a layer is conditioned on, of each sample."""
    condition = ops.cast(condition, "float32")
    if len(condition.shape) == 3:
        image = ops.expand_dims(image, 1) + ops.zeros_like(condition[..., :1])
    return ops.concatenate([condition, image], axis=-1)
