"""The pieces that the networks of p and q are made of, with their seeds and names."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.checks import check_bits, check_seed
from keras_concrete.layers import (
    BinaryConcreteSample,
    ConcreteLogProb,
    ConcreteSample,
    HypercubeCode,
    LearnedLogits,
    MultiSampleBound,
)
from keras_concrete.schedules import Setting
from keras_concrete.seeding import derive_seed
from keras_concrete.types import Shape, Tensor

__all__ = ["LayerMaker"]


class LayerMaker:
    """Makes the layers of one network: same arity, estimator and dtype, seeds in a row.

    Args:
        arity: Number of states of a latent unit, a power of 2.
        estimator: Name of the gradient estimator.
        kernel_regularizer: Regularizer of the kernels, or None.
        seed: Integer or None.
        dtype: Dtype policy of the layers.

    Raises:
        ValueError: If the arity is not a power of 2, or the seed not an integer.
    """

    def __init__(
        self,
        arity: int,
        estimator: str,
        kernel_regularizer: keras.regularizers.Regularizer | None,
        seed: int | None,
        dtype: Any,
    ) -> None:
        if seed is not None:
            check_seed(seed)
        self.bits_per_unit = check_bits("arity", arity, "units hold whole bits")
        self.arity = int(arity)
        self.options = {"dtype": dtype}
        self._estimator = estimator
        self._kernel_regularizer = kernel_regularizer
        self._seed = seed
        self._num_seeds = 0

    def sampler(self, temperature: Setting, name: str) -> keras.layers.Layer:
        """A layer from logits to states and nodes."""
        kind = BinaryConcreteSample if self.arity == 2 else ConcreteSample
        return kind(
            temperature,
            return_node=True,
            estimator=self._estimator,
            sample_axis=True,
            seed=self._next_seed(),
            name=name,
            **self.options,
        )

    def code(self, name: str) -> HypercubeCode:
        """A layer from states to codes."""
        return HypercubeCode(self.arity, name=name, **self.options)

    def log_prob(self, temperature: Setting, name: str) -> ConcreteLogProb:
        """A layer that scores nodes."""
        return ConcreteLogProb(
            temperature,
            self.arity,
            self._estimator,
            sample_axis=True,
            name=name,
            **self.options,
        )

    def bound(self, name: str) -> MultiSampleBound:
        """A layer from terms to the bound."""
        return MultiSampleBound(
            self._estimator, self._next_seed(), self.arity, name=name, **self.options
        )

    def free_logits(self, bits: int, name: str) -> LearnedLogits:
        """A layer of logits that depend on nothing."""
        return LearnedLogits(self._units(bits), self.arity, name=name, **self.options)

    def latent_logits(
        self, name: str, link: str, hidden_units: int, bits: int
    ) -> Callable[[Tensor], Tensor]:
        """A conditioning function to the logits of latent units."""
        units = self._units(bits)
        if self.arity == 2:
            return self._function(name, link, hidden_units, units)
        flat = self._function(name, link, hidden_units, units * self.arity)
        by_unit = _StatesByUnit(self.arity, name=f"{name}_by_unit", **self.options)
        return lambda inputs: by_unit(flat(inputs))

    def visible_logits(
        self,
        link: str,
        hidden_units: int,
        num_pixels: int,
        mean: Sequence[float] | None,
    ) -> Callable[[Tensor], Tensor]:
        """A conditioning function to the logits of pixels, with biases from a mean."""
        start = "zeros" if mean is None else _LogitOf(mean)
        return self._function("likelihood", link, hidden_units, num_pixels, start)

    def _function(
        self, name: str, link: str, hidden_units: int, size: int, bias: Any = "zeros"
    ) -> Callable[[Tensor], Tensor]:
        """One affine map, after two tanh layers for `~`."""
        layers = []
        if link == "~":
            layers = [
                self._dense(hidden_units, f"{name}_tanh_{i}", activation="tanh")
                for i in (1, 2)
            ]
        layers.append(self._dense(size, f"{name}_logits", bias_initializer=bias))

        def run(inputs: Tensor) -> Tensor:
            for layer in layers:
                inputs = layer(inputs)
            return inputs

        return run

    def _dense(self, size: int, name: str, **kwargs: Any) -> keras.layers.Dense:
        return keras.layers.Dense(
            size,
            kernel_initializer=keras.initializers.GlorotUniform(self._next_seed()),
            kernel_regularizer=self._kernel_regularizer,
            name=name,
            **kwargs,
            **self.options,
        )

    def _next_seed(self) -> int | None:
        self._num_seeds += 1
        return derive_seed(self._seed, self._num_seeds)

    def _units(self, bits: int) -> int:
        if bits % self.bits_per_unit:
            raise ValueError(
                f"A layer of {bits} bits cannot be made of units of arity {self.arity}, "
                f"which hold {self.bits_per_unit} bits each: choose a multiple of "
                f"{self.bits_per_unit}."
            )
        return bits // self.bits_per_unit


@keras.saving.register_keras_serializable(package="keras_concrete")
class _StatesByUnit(keras.layers.Layer):
    """Puts the states of each unit on an axis of their own.

    A layer, since the sizes of the axes before need not be known where a model is made.
    """

    def __init__(self, num_states: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_states = num_states

    def call(self, inputs: Tensor) -> Tensor:
        units = inputs.shape[-1] // self.num_states
        return ops.reshape(inputs, (*ops.shape(inputs)[:-1], units, self.num_states))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        units = input_shape[-1] // self.num_states
        return (*input_shape[:-1], units, self.num_states)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_states": self.num_states}


@keras.saving.register_keras_serializable(package="keras_concrete")
class _LogitOf(keras.initializers.Initializer):
    """Starts biases at the logits of given means."""

    def __init__(self, mean: Sequence[float]) -> None:
        self.mean = list(mean)

    def __call__(self, shape: tuple, dtype: Any = None) -> Tensor:
        mean = np.asarray(self.mean, "float64")
        return ops.convert_to_tensor(np.log(mean / (1.0 - mean)), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean}
