"""What a model with latent variables offers to evaluation, callbacks and serving."""

from typing import Any, Protocol, runtime_checkable

from keras_concrete.types import Tensor

__all__ = ["LatentVariableModel", "check_model_data"]


@runtime_checkable
class LatentVariableModel(Protocol):
    """A model p(x, z) of data with an inference network q(z given x).

    `SigmoidBeliefNetwork` is one. `evaluate_bound`, `IntegralityGap`, `ImageGrids` and
    the exports use these members and nothing else, so a model of your own that has them
    works as well. For the first two the method `log_weights` suffices, and a model made
    of this package's layers needs not even that: both take any that ends in
    `MultiSampleBound`, and `evaluate_bound` those trained by KL terms too.

    A conditional model predicts data from a context. Where `x` is data elsewhere it then
    stands for the pair `(context, data)`, or for the context alone in `encode`.

    Attributes:
        is_conditional: Whether the model predicts data from a context.
        visible_units: Numbers in one example of the data that is modelled.
        code_units: Numbers in a code of latent layer 1, the one next to the data.
    """

    @property
    def is_conditional(self) -> bool:
        """Whether the model predicts data from a context."""

    @property
    def visible_units(self) -> int:
        """Numbers in one example of the data that is modelled."""

    @property
    def code_units(self) -> int:
        """Numbers in a code of latent layer 1."""

    def check_data(self, x: Any, y: Any = None) -> None:
        """Raises `ValueError` for arrays that the model cannot take."""

    def log_weights(
        self,
        x: Any,
        num_samples: Tensor,
        training: bool = False,
        seed: Tensor | None = None,
    ) -> Tensor:
        """Draws log p(x, z) - log q(z given x), `(batch, num_samples)`, in nats.

        With a seed the noise is a function of the seed, and the model stays as it was.
        """

    def encode(self, x: Tensor, seed: Tensor | None = None) -> dict[str, Tensor]:
        """Draws `codes_i`, and computes `probabilities_i`, of each latent layer i."""

    def decode(self, codes: Tensor) -> dict[str, Tensor]:
        """Computes the `probabilities` of data from codes of latent layer 1."""

    def sample(
        self,
        num_images: Tensor,
        seed: Tensor | None = None,
        context: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Draws `codes` of latent layer 1, and `probabilities` of the data, from p."""


def check_model_data(model: LatentVariableModel, x: Any) -> None:
    """Refuses what is not the data of a model.

    Args:
        model: The model.
        x: What is to be its data.

    Raises:
        ValueError: If it is no array, or for a conditional model no pair of arrays, or
            one that the model cannot take.
    """
    parts = x if isinstance(x, tuple) else (x,)
    if len(parts) != 1 + model.is_conditional:
        raise ValueError(
            "Argument `x` must be one array, or for a conditional network the pair "
            f"(context, image). Received: {len(parts)} arrays"
        )
    model.check_data(*parts)
