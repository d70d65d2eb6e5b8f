"""A codebook: each position of a grid or a sequence is one of n learned vectors."""

from typing import Any

import keras
from keras import ops

from keras_concrete import estimators
from keras_concrete.checks import check_flag, check_positive
from keras_concrete.layers.code_usage import CodeUsage
from keras_concrete.layers.masks import zero_where_masked
from keras_concrete.layers.pass_terms import are_watched
from keras_concrete.layers.sample import ConcreteSample
from keras_concrete.types import Shape, Tensor

__all__ = ["CategoricalCodebook"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class CategoricalCodebook(keras.layers.Layer):
    """Replaces each vector by one of n learned codes, chosen at random.

    A vector v chooses code e_k with probability `softmax_k(-|v - e_k|^2)`, the posterior
    of a mixture of Gaussians around the codes. What comes out is `state @ codes`, with
    the state of `sampler`: with `training=True` a mixture of codes (or one code, for a
    straight-through estimator) that gradients flow through, to the vector and to the
    codes; with `training=False` exactly one code. With `from_logits=True` the input holds
    the n logits in place of the vector.

    Its prior, and its KL in nats, are the sampler's: `prior="uniform"`, `"learned"` or
    `"given"`. `evaluate_bound` then gives the bound of either graph in nats for an
    example: divided by `num_tokens * log(2)` it is in bits per token. `fit` and
    `evaluate` report, under the layer's name, how the codes of the epoch were chosen:
    `_usage`, the share of codes chosen at all; `_bits`, the entropy of a token;
    `_perplexity`, `2**bits`. `ResetDeadCodes` moves codes that no token has.

    Args:
        num_codes: Number of codes n.
        dim: Size of a code.
        sampler: `ConcreteSample` that draws the states: it has the temperature, the
            estimator, `inference`, the prior and the weight of the KL. By default
            `ConcreteSample(1.0)` in float32. One of your own mixes codes in its own
            dtype: under a mixed policy give it dtype="float32" too. With its
            `num_samples` the output has a sample axis, with its `return_node` there are
            three outputs.
        from_logits: Whether the input holds logits.
        codes_initializer: Initializer of the codes `(num_codes, dim)`.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Vectors, or logits.
        prior_logits: Logits of the prior, for a sampler with `prior="given"`.
        training: Whether states are relaxed.
        mask: Mask of positions, which Keras passes on. Those where it is False add
            nothing to the KL and are not counted as chosen; their output is as of others.

    Input shape:
        `(batch, *positions, dim)`, or `(batch, *positions, num_codes)` of logits.

    Output shape:
        `(batch, [num_samples,] *positions, dim)`, in the compute dtype. If the sampler
        has `return_node=True`: that, the node, and the logits that it was drawn with, for
        `ConcreteLogProb`; both of size `num_codes`, float32.

    Raises:
        ValueError: If an argument is out of range, `sampler` is no `ConcreteSample` or
            adds rows to its samples, or the last axis of the input is of another size.

    Example:
    >>> import keras_concrete as kc, numpy as np
    >>> codebook = kc.CategoricalCodebook(
    ...     num_codes=8, dim=3, sampler=kc.ConcreteSample(1.0, prior="uniform", seed=0)
    ... )
    >>> image = np.zeros((1, 2, 2, 3), "float32")
    >>> tokens = codebook.encode(image)
    >>> codebook(image).shape, tokens.shape, codebook.decode(tokens).shape
    (TensorShape([1, 2, 2, 3]), TensorShape([1, 2, 2]), TensorShape([1, 2, 2, 3]))

    Reference:
        Van den Oord, Vinyals & Kavukcuoglu, "Neural Discrete Representation Learning",
        NeurIPS 2017; with a random choice and its KL, Sønderby, Poole & Mnih,
        "Continuous Relaxation Training of Discrete Latent Variable Image Models", 2017.
    """

    def __init__(
        self,
        num_codes: int,
        dim: int,
        sampler: ConcreteSample | None = None,
        from_logits: bool = False,
        codes_initializer: Any = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flag("from_logits", from_logits)
        check_positive("num_codes", num_codes, int)
        check_positive("dim", dim, int)
        if num_codes < 2:
            raise ValueError(
                "Argument `num_codes` must be 2 or more, to have a choice. Received: "
                f"num_codes={num_codes!r}"
            )
        if sampler is not None and not isinstance(sampler, ConcreteSample):
            raise ValueError(
                "Argument `sampler` must be a ConcreteSample, which draws one of "
                f"`num_codes` states. Received: sampler={sampler!r}"
            )
        if sampler is not None and estimators.get(sampler.estimator).adds_rows:
            raise ValueError(
                "Argument `sampler` must not have an estimator that adds rows to the "
                "samples in training, which would be counted as chosen codes. Received: "
                f"a sampler with estimator={sampler.estimator!r}"
            )
        self.num_codes = int(num_codes)
        self.dim = int(dim)
        self.from_logits = bool(from_logits)
        self.codes_initializer = keras.initializers.get(codes_initializer)
        if sampler is None:
            sampler = ConcreteSample(1.0, name=f"{self.name}_sampler", dtype="float32")
        self.sampler = sampler
        self.code_usage = CodeUsage(self.num_codes, name=self.name)
        self.autocast = False
        self.supports_masking = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Chooses codes, and notes on nodes by what they were drawn."""
        outputs = super().__call__(*args, **kwargs)
        if self.sampler.return_node:
            self.sampler.note_on(outputs[1], self.num_codes)
        return outputs

    def build(self, inputs_shape: Shape, prior_logits_shape: Shape | None = None) -> None:
        """Adds the codes."""
        size = self.num_codes if self.from_logits else self.dim
        if len(inputs_shape) < 2 or inputs_shape[-1] != size:
            what = "logits" if self.from_logits else "vectors"
            raise ValueError(
                f"{self.name!r} expects {what} of shape (batch, *positions, {size}). "
                f"Received: inputs.shape={tuple(inputs_shape)}"
            )
        self.codes = self.add_weight(
            name="codes",
            shape=(self.num_codes, self.dim),
            initializer=self.codes_initializer,
            dtype="float32",
            autocast=False,
        )
        shapes = [(*inputs_shape[:-1], self.num_codes)]
        shapes += [prior_logits_shape] if prior_logits_shape is not None else []
        if not self.sampler.built:  # As one from a file is.
            self.sampler.build(*shapes)

    def call(
        self,
        inputs: Tensor,
        prior_logits: Tensor | None = None,
        training: bool = False,
        mask: Tensor | None = None,
        inputs_mask: Tensor | None = None,
    ) -> Any:
        """Chooses codes, and returns them or mixtures of them."""
        mask = inputs_mask if mask is None else mask
        logits = self.logits(inputs)
        drawn = self.sampler(
            logits, prior_logits, training=training, **self._masks(prior_logits, mask)
        )
        state, *node = drawn if self.sampler.return_node else (drawn,)
        chosen = _largest(state)
        if not are_watched():
            self._count(chosen, training, mask)
        codes = self.codes.value
        if training:
            embedding = ops.matmul(ops.cast(state, "float32"), codes)
        else:
            # No matrix product, whose rounding would be of the device; NaN stays NaN.
            is_nan = ops.any(ops.isnan(state), axis=-1, keepdims=True)
            embedding = ops.where(is_nan, float("nan"), self.decode(chosen))
        embedding = ops.cast(embedding, self.compute_dtype)
        return (embedding, *node, logits) if node else embedding

    def logits(self, inputs: Tensor) -> Tensor:
        """Logits of the choice, float32: minus the squared distances, less `|v|^2`.

        Args:
            inputs: Vectors; or the logits themselves, for a layer that takes those.
        """
        inputs = ops.cast(inputs, "float32")
        if self.from_logits:
            return inputs
        codes = self.codes.value
        # What all codes of a vector share leaves the softmax as it is.
        squares = ops.sum(ops.square(codes), axis=-1)
        return 2.0 * ops.matmul(inputs, ops.transpose(codes)) - squares

    def encode(self, inputs: Tensor) -> Tensor:
        """Indices of the most probable codes, without noise: of vectors, the nearest.

        Args:
            inputs: What the layer takes, `(batch, *positions, dim)` or logits.

        Returns:
            int32 tensor `(batch, *positions)`.
        """
        if not self.built:
            self.build(tuple(inputs.shape))
        return _largest(self.logits(inputs))

    def decode(self, indices: Tensor) -> Tensor:
        """The codes of indices.

        Args:
            indices: Integer tensor of any shape, of values from 0 to `num_codes - 1`.

        Returns:
            Float32 tensor of that shape and a last axis of size `dim`.
        """
        if not self.built:
            raise ValueError(
                f"{self.name!r} has no codes yet: call it on some data, or build it, "
                "before it decodes."
            )
        return ops.take(self.codes.value, indices, axis=0)

    def _masks(self, prior_logits: Any, mask: Any) -> dict[str, Any]:
        return {"mask": mask} if prior_logits is None else {"logits_mask": mask}

    def _count(self, chosen: Tensor, training: bool, mask: Any) -> None:
        ones = ops.one_hot(chosen, self.num_codes, dtype="float32")
        has_samples = self.sampler.num_samples is not None
        ones = zero_where_masked(ones, mask, sample_axis=has_samples)
        counts = ops.sum(ones, axis=tuple(range(len(ones.shape) - 1)))
        self.code_usage.add_call(counts, training)

    def compute_output_spec(
        self,
        inputs: Tensor,
        prior_logits: Tensor | None = None,
        training: bool = False,
        mask: Tensor | None = None,
        inputs_mask: Tensor | None = None,
    ) -> Any:
        logits = keras.KerasTensor((*inputs.shape[:-1], self.num_codes), "float32")
        drawn = self.sampler.compute_output_spec(logits, prior_logits)
        state, *node = drawn if self.sampler.return_node else (drawn,)
        shape = (*state.shape[:-1], self.dim)
        embedding = keras.KerasTensor(shape, self.compute_dtype)
        return (embedding, *node, logits) if node else embedding

    def compute_output_shape(
        self, inputs_shape: Shape, prior_logits_shape: Shape | None = None
    ) -> Any:
        """Shape of the output, for layers that wrap this one."""
        prior_logits = None
        if prior_logits_shape is not None:
            prior_logits = keras.KerasTensor(prior_logits_shape)
        spec = self.compute_output_spec(keras.KerasTensor(inputs_shape), prior_logits)
        return keras.tree.map_structure(lambda tensor: tuple(tensor.shape), spec)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on to each output; a sample axis takes none."""
        kept = self.sampler.compute_mask(inputs, mask)
        return (*kept, mask) if self.sampler.return_node else kept

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_codes": self.num_codes,
            "dim": self.dim,
            "sampler": keras.layers.serialize(self.sampler),
            "from_logits": self.from_logits,
            "codes_initializer": keras.initializers.serialize(self.codes_initializer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "CategoricalCodebook":
        """Makes the layer again, with its sampler."""
        sampler = keras.layers.deserialize(config["sampler"])
        return cls(**{**config, "sampler": sampler})


def _largest(scores: Tensor) -> Tensor:
    """Index of the largest score, int32."""
    # Keras's argmax looks at the bits of zeros, which no other runtime can convert.
    return ops.top_k(scores, 1)[1][..., 0]
