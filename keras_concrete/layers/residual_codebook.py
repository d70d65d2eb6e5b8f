"""Codebooks in a row, each for what those before it have left over."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_concrete.layers.codebook import CategoricalCodebook
from keras_concrete.types import Shape, Tensor

__all__ = ["ResidualCodebook"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class ResidualCodebook(keras.layers.Layer):
    """Replaces each vector by a sum of codes, one of each of several codebooks.

    The first codebook has the vector, each other what is left: with r_1 the vector,
    `r_(i+1) = r_i - codebook_i(r_i)`, and the output is the sum of the codes. Each level
    has a KL and metrics of its own.

    Args:
        codebooks: List of `CategoricalCodebook`, of vectors of one size `dim`. Give the
            samplers of all levels different seeds, or none.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Vectors.
        training: Whether states are relaxed.
        mask: Mask of positions, which Keras passes on.

    Input shape:
        `(batch, *positions, dim)`.

    Output shape:
        That of the input, in the compute dtype.

    Raises:
        ValueError: If `codebooks` is empty, or has other layers than those; or one that
            takes logits, draws several samples, returns nodes, or has a prior that is
            given.

    Example:
    >>> import keras_concrete as kc, numpy as np
    >>> levels = [kc.CategoricalCodebook(8, 3) for _ in range(2)]
    >>> layer, image = kc.ResidualCodebook(levels), np.zeros((1, 2, 2, 3), "float32")
    >>> tokens = layer.encode(image)
    >>> layer(image).shape, tokens.shape, layer.decode(tokens).shape
    (TensorShape([1, 2, 2, 3]), TensorShape([1, 2, 2, 2]), TensorShape([1, 2, 2, 3]))

    Reference:
        Zeghidour et al., "SoundStream: An End-to-End Neural Audio Codec", 2021.
    """

    def __init__(self, codebooks: Sequence[CategoricalCodebook], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(codebooks, keras.Layer):
            raise ValueError(
                "Argument `codebooks` must be a list with a codebook for each level. "
                f"Received: codebooks={codebooks!r}"
            )
        self.codebooks = list(codebooks)
        if not self.codebooks:
            raise ValueError("Argument `codebooks` must hold a codebook. Received: []")
        for level, codebook in enumerate(self.codebooks):
            _check_level(level, codebook, self.codebooks[0])
        self.autocast = False
        self.supports_masking = True

    def build(self, inputs_shape: Shape) -> None:
        """Builds the codebooks."""
        for codebook in self.codebooks:
            if not codebook.built:  # By `encode`.
                codebook.build(inputs_shape)

    def call(
        self, inputs: Tensor, training: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        """Sums the codes that are chosen at each level."""
        residual = ops.cast(inputs, "float32")
        total = ops.zeros_like(residual)
        for codebook in self.codebooks:
            codes = ops.cast(codebook(residual, training=training, mask=mask), "float32")
            total, residual = total + codes, residual - codes
        return ops.cast(total, self.compute_dtype)

    def encode(self, inputs: Tensor) -> Tensor:
        """Indices of the nearest codes, level by level, without noise.

        Args:
            inputs: Vectors `(batch, *positions, dim)`.

        Returns:
            int32 tensor `(batch, *positions, levels)`.
        """
        residual, indices = ops.cast(inputs, "float32"), []
        for codebook in self.codebooks:
            indices.append(codebook.encode(residual))
            residual = residual - codebook.decode(indices[-1])
        return ops.stack(indices, axis=-1)

    def decode(self, indices: Tensor) -> Tensor:
        """The sums of the codes of indices.

        Args:
            indices: Integer tensor `(..., levels)`.

        Returns:
            Float32 tensor `(..., dim)`.
        """
        codes = [
            codebook.decode(indices[..., level])
            for level, codebook in enumerate(self.codebooks)
        ]
        return sum(codes[1:], start=codes[0])

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return tuple(inputs_shape)

    def get_config(self) -> dict[str, Any]:
        codebooks = [keras.layers.serialize(codebook) for codebook in self.codebooks]
        return {**super().get_config(), "codebooks": codebooks}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ResidualCodebook":
        """Makes the layer again, with its codebooks."""
        codebooks = [keras.layers.deserialize(held) for held in config["codebooks"]]
        return cls(**{**config, "codebooks": codebooks})


def _check_level(level: int, codebook: Any, first: Any) -> None:
    if not isinstance(codebook, CategoricalCodebook):
        raise ValueError(
            "Argument `codebooks` must hold layers CategoricalCodebook. Received: "
            f"codebooks[{level}]={codebook!r}"
        )
    sampler = codebook.sampler
    unfit = {
        f"dim={codebook.dim} beside dim={first.dim}": codebook.dim != first.dim,
        "from_logits=True": codebook.from_logits,
        "num_samples of its sampler": sampler.num_samples is not None,
        "return_node=True of its sampler": sampler.return_node,
        "prior='given' of its sampler": sampler.prior == "given",
    }
    for what, is_so in unfit.items():
        if is_so:
            raise ValueError(
                "Argument `codebooks` must hold codebooks from vectors of one size to "
                f"one code each. Received: codebooks[{level}] with {what}"
            )
