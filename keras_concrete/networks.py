"""The Keras layers of a belief network, and the passes through them.

Latent layers are counted from the image upward. The generative network p runs down, the
inference network q runs up; both read codes in {-1, 1}.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_concrete.architecture import Architecture
from keras_concrete.layers import (
    BernoulliLogLikelihood,
    BinaryConcreteSample,
    Centering,
    ConcreteLogProb,
    ConcreteSample,
    HypercubeCode,
    LearnedLogits,
)
from keras_concrete.seeding import derive_seed
from keras_concrete.types import Tensor

__all__ = ["BeliefLayers", "Inference"]


class _Latent(NamedTuple):
    """What belongs to one latent layer."""

    posterior: Callable[[Tensor], Tensor]
    sample: keras.layers.Layer
    code: keras.layers.Layer
    log_posterior: keras.layers.Layer
    prior: Callable[[Tensor], Tensor]
    log_prior: keras.layers.Layer


class Inference(NamedTuple):
    """What one pass up computes, a list entry for each latent layer."""

    codes: list[Tensor]
    nodes: list[Tensor]
    logits: list[Tensor]


class BeliefLayers:
    """Makes the layers of p and q, and runs tensors of either kind through them.

    Args:
        architecture: The parsed notation.
        arity: Number of states of a latent unit.
        estimator: Name of the gradient estimator.
        prior_temperature: Temperature of the densities of p.
        posterior_temperature: Temperature of the samples and densities of q.
        visible_mean: Mean of each pixel, within (0, 1), or None for 1/2.
        centering: Whether q reads centered codes.
        seed: Integer or None.
        dtype: Dtype policy of the layers.
    """

    def __init__(
        self,
        architecture: Architecture,
        arity: int,
        estimator: str,
        prior_temperature: float,
        posterior_temperature: float,
        visible_mean: Sequence[float] | None,
        centering: bool,
        seed: int | None,
        dtype: Any,
    ) -> None:
        self._options = {"dtype": dtype}
        self._seed = seed
        self._num_seeds = 0
        units = architecture.latent_units[::-1]
        links = architecture.links[::-1]
        self.latents: list[_Latent] = []
        for i, bits in enumerate(units):
            number, is_top = i + 1, i + 1 == len(units)
            sampler = BinaryConcreteSample if arity == 2 else ConcreteSample
            scoring = {"num_states": arity, "estimator": estimator, **self._options}
            self.latents.append(
                _Latent(
                    posterior=self._logits(
                        f"posterior_{number}", links[i], bits, bits, arity
                    ),
                    sample=sampler(
                        posterior_temperature,
                        return_node=True,
                        estimator=estimator,
                        seed=self._next_seed(),
                        name=f"sample_{number}",
                        **self._options,
                    ),
                    code=HypercubeCode(arity, name=f"code_{number}", **self._options),
                    log_posterior=ConcreteLogProb(
                        posterior_temperature,
                        name=f"log_posterior_{number}",
                        **scoring,
                    ),
                    prior=LearnedLogits(
                        _num_units(bits, arity),
                        arity,
                        name=f"prior_{number}",
                        **self._options,
                    )
                    if is_top
                    else self._logits(
                        f"prior_{number}", links[i + 1], units[i + 1], bits, arity
                    ),
                    log_prior=ConcreteLogProb(
                        prior_temperature, name=f"log_prior_{number}", **scoring
                    ),
                )
            )
        # Each inference layer but the last is read, less its average, by the next.
        self.centers = [
            Centering(name=f"centering_{number}", **self._options)
            for number in range(1, len(units))
            if centering
        ]
        self.visible_logits = self._logits(
            "likelihood",
            links[0],
            units[0],
            architecture.visible_units,
            bias=None if visible_mean is None else np.asarray(visible_mean),
        )
        self.log_likelihood = BernoulliLogLikelihood(
            name="log_likelihood", **self._options
        )

    def infer(
        self, x: Tensor, num_samples: Tensor | None, training: bool | None
    ) -> Inference:
        """Runs data up through q, sampling each latent layer.

        Args:
            x: Data, `(batch, visible units)`.
            num_samples: Samples for each example; None for one and no sample axis.
            training: Whether the graph is relaxed.
        """
        inference = Inference([], [], [])
        below = x
        for i, latent in enumerate(self.latents):
            logits = latent.posterior(below)
            # What depends on x alone is computed once for an example.
            state, node = latent.sample(
                logits, num_samples=num_samples if i == 0 else None, training=training
            )
            code = latent.code(state)
            inference.codes.append(code)
            inference.nodes.append(node)
            inference.logits.append(logits)
            below = code
            if i < len(self.centers):
                below = self.centers[i](code, training=training)
        return inference

    def log_posterior(self, inference: Inference, training: bool | None) -> list[Tensor]:
        """Terms of log q(z given x), one per latent layer."""
        return [
            latent.log_posterior((node, logits), training=training)
            for latent, node, logits in zip(
                self.latents, inference.nodes, inference.logits, strict=True
            )
        ]

    def log_prior(
        self, x: Tensor, inference: Inference, training: bool | None
    ) -> list[Tensor]:
        """Terms of log p(z), one per latent layer."""
        above = [*inference.codes[1:], x]
        return [
            latent.log_prior((node, latent.prior(code)), training=training)
            for latent, node, code in zip(
                self.latents, inference.nodes, above, strict=True
            )
        ]

    def _next_seed(self) -> int | None:
        self._num_seeds += 1
        return derive_seed(self._seed, self._num_seeds)

    def _logits(
        self,
        name: str,
        link: str,
        hidden_units: int,
        bits: int,
        arity: int = 2,
        bias: np.ndarray | None = None,
    ) -> Callable[[Tensor], Tensor]:
        """A conditioning function: one affine map, after two tanh layers for `~`."""
        units = _num_units(bits, arity)
        size = units if arity == 2 else units * arity
        layers = []
        if link == "~":
            layers = [
                self._dense(hidden_units, f"{name}_tanh_{i}", activation="tanh")
                for i in (1, 2)
            ]
        start = "zeros" if bias is None else _LogitOf(bias.tolist())
        layers.append(self._dense(size, f"{name}_logits", bias_initializer=start))

        def run(inputs: Tensor) -> Tensor:
            for layer in layers:
                inputs = layer(inputs)
            if arity == 2:
                return inputs
            return ops.reshape(inputs, (-1, *ops.shape(inputs)[1:-1], units, arity))

        return run

    def _dense(self, size: int, name: str, **kwargs: Any) -> keras.layers.Dense:
        weights = keras.initializers.GlorotUniform(self._next_seed())
        return keras.layers.Dense(
            size, kernel_initializer=weights, name=name, **kwargs, **self._options
        )


def _num_units(bits: int, arity: int) -> int:
    bits_per_unit = arity.bit_length() - 1
    if bits % bits_per_unit:
        raise ValueError(
            f"A layer of {bits} bits cannot be made of units of arity {arity}, which "
            f"hold {bits_per_unit} bits each: choose a multiple of {bits_per_unit}."
        )
    return bits // bits_per_unit


@keras.saving.register_keras_serializable(package="keras_concrete")
class _LogitOf(keras.initializers.Initializer):
    """Starts biases at the logits of given means."""

    def __init__(self, mean: Sequence[float]) -> None:
        self.mean = np.asarray(mean, "float64")

    def __call__(self, shape: tuple, dtype: Any = None) -> Tensor:
        return ops.convert_to_tensor(np.log(self.mean / (1.0 - self.mean)), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean.tolist()}
