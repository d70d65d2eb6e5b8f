"""Sigmoid belief networks, built from the layers by the functional API."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import objectives
from keras_concrete.architecture import parse_architecture
from keras_concrete.layers import MultiSampleBound
from keras_concrete.layers.checks import check_positive
from keras_concrete.losses import NegativeBound
from keras_concrete.networks import BeliefLayers
from keras_concrete.seeding import fixed_noise, num_replicas
from keras_concrete.temperatures import choose_temperatures
from keras_concrete.types import Tensor

__all__ = ["SigmoidBeliefNetwork"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class SigmoidBeliefNetwork(keras.Model):
    """A belief network of discrete units, with its inference network.

    A functional model of this package's layers from binary data to the multi-sample
    bound. In training the graph is relaxed, otherwise discrete, with one set of weights:
    `fit(x)` maximises the relaxed bound, `evaluate(x)` reports the discrete one.

    Latent layers are numbered from the image upward: layer 1 is next to the image.

    Args:
        architecture: In the paper's notation, from the top down, such as
            `200H~200H~784V`; see `keras_concrete.architecture`. Units are bits.
        arity: Number of states of a latent unit, a power of 2: 120 units of 4 states
            make a layer `240H`.
        num_samples: Number of samples m of the bound in `fit` and `evaluate`.
        estimator: Name of the gradient estimator.
        prior_temperature: Temperature of the densities of p. By default the paper's for
            the arity: 1/2, 2/3 and 2/5 for 2, 4 and 8.
        posterior_temperature: Temperature of samples and densities of q. By default the
            paper's for the arity: 2/3, 1 and 2/3 for 2, 4 and 8.
        visible_mean: Mean of each pixel over the training set, strictly between 0 and
            1, from which the visible biases start: use (count + 1) / (N + 2). By
            default 1/2.
        centering: Whether inference layers read the codes of other layers less a
            running average (`Centering`); of no effect with one latent layer.
        seed: Integer for the initial weights and the noise, or None.
        name: Name of the model.
        dtype: Dtype policy of the layers; by default the global one.

    Call arguments:
        inputs: Binary data, `(batch, visible units)`.
        training: True for the relaxed graph, False for the discrete one.

    Returns:
        Dict of float32 tensors, in nats: `bound`, `(batch,)`, and the terms it is made
        of, `(batch, num_samples)`: `log_likelihood`, log p(x given z); `log_prior`,
        log p(z); `log_posterior`, log q(z given x). `fit` and `evaluate` report the mean
        `bound` and its two parts: `reconstruction`, the mean log-likelihood, and `kl`,
        the mean of log_posterior - log_prior. With one sample, bound = reconstruction -
        kl.

    Raises:
        ValueError: If the notation is not well formed, or an argument out of range.

    Example:
    >>> import numpy as np
    >>> model = SigmoidBeliefNetwork("4H~3H-6V", num_samples=5, seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).integers(0, 2, (32, 6))
    >>> history = model.fit(x, verbose=0)
    >>> sorted(history.history)
    ['bound', 'kl', 'loss', 'reconstruction']
    >>> model.log_weights(x, num_samples=100, seed=0).shape
    TensorShape([32, 100])

    Reference:
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: section 5.2 and
        appendix D.
    """

    def __init__(
        self,
        architecture: str,
        arity: int = 2,
        num_samples: int = 1,
        estimator: str = "concrete",
        prior_temperature: float | None = None,
        posterior_temperature: float | None = None,
        visible_mean: Sequence[float] | np.ndarray | None = None,
        centering: bool = True,
        seed: int | None = None,
        name: str = "sigmoid_belief_network",
        dtype: Any = None,
    ) -> None:
        parsed = parse_architecture(architecture)
        check_positive("num_samples", num_samples, int)
        temperatures = choose_temperatures(
            arity, prior_temperature, posterior_temperature
        )
        visible_mean = _check_mean(visible_mean, parsed.visible_units)
        policy = keras.dtype_policies.get(dtype)
        network = BeliefLayers(
            parsed,
            arity,
            estimator,
            *temperatures,
            visible_mean,
            centering,
            seed,
            policy,
        )
        x = keras.Input((parsed.visible_units,), dtype="float32", name="x")
        inference = network.infer(x, num_samples, training=None)
        log_posterior = network.log_posterior(inference, training=None)
        log_prior = network.log_prior(x, inference, training=None)
        log_likelihood = network.log_likelihood(
            (x, network.visible_logits(inference.codes[0]))
        )
        bound = MultiSampleBound(estimator, name="bound", dtype=policy)
        outputs = {
            "bound": bound(([log_likelihood, *log_prior], log_posterior)),
            "log_likelihood": log_likelihood,
            "log_posterior": _sum(log_posterior, "log_posterior"),
            "log_prior": _sum(log_prior, "log_prior"),
        }
        super().__init__(x, outputs, name=name)
        self.architecture = architecture
        self.arity = arity
        self.num_samples = num_samples
        self.estimator = estimator
        self.prior_temperature = prior_temperature
        self.posterior_temperature = posterior_temperature
        self.visible_mean = visible_mean
        self.centering = centering
        self.seed = seed
        self._policy = policy
        self._network = network
        self._loss = NegativeBound()
        self._metric_bound = keras.metrics.Mean(name="bound")
        self._metric_kl = keras.metrics.Mean(name="kl")
        self._metric_reconstruction = keras.metrics.Mean(name="reconstruction")

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns minus the mean bound, weighted, plus the layers' own losses.

        `fit(x)` suffices. For weighted examples call `fit(x, x, sample_weight=...)`:
        Keras drops weights that come without targets.
        """
        bound, log_likelihood = y_pred["bound"], y_pred["log_likelihood"]
        kl = ops.mean(y_pred["log_posterior"] - y_pred["log_prior"], axis=1)
        self._metric_bound.update_state(bound, sample_weight)
        self._metric_kl.update_state(kl, sample_weight)
        self._metric_reconstruction.update_state(
            ops.mean(log_likelihood, axis=1), sample_weight
        )
        loss = self._loss(bound, bound, sample_weight)
        # A tf.distribute strategy sums over replicas. Keras's losses allow for it; the
        # terms that layers add do not.
        for term in self.losses:
            loss = loss + ops.cast(term, loss.dtype) / num_replicas()
        return loss

    @property
    def code_units(self) -> int:
        """Bits of latent layer 1, the one next to the image."""
        return parse_architecture(self.architecture).latent_units[-1]

    def log_weights(
        self,
        x: Tensor,
        num_samples: Tensor,
        training: bool = False,
        seed: Tensor | None = None,
    ) -> Tensor:
        """Draws log-weights log p(x, z) - log q(z given x).

        Args:
            x: Binary data, `(batch, visible units)`.
            num_samples: Samples for each example, an integer or a scalar tensor.
            training: Whether the graph is relaxed.
            seed: Integer or integer tensor on which the noise shall depend alone, and
                with which the call leaves the model as it was; None for the next noise
                of the layers' own generators.

        Returns:
            Float32 tensor `(batch, num_samples)`, in nats.
        """
        network = self._network
        x = ops.cast(x, "float32")
        with self._noise(seed):
            inference = network.infer(x, num_samples, training)
            log_prior = network.log_prior(x, inference, training)
            log_posterior = network.log_posterior(inference, training)
            logits = network.visible_logits(inference.codes[0])
            log_likelihood = network.log_likelihood((x, logits))
        return objectives.log_weights([log_likelihood, *log_prior], log_posterior)

    def encode(self, x: Tensor, seed: Tensor | None = None) -> dict[str, Tensor]:
        """Draws the discrete codes of data from the inference network.

        Args:
            x: Binary data, `(batch, visible units)`.
            seed: As in `log_weights`.

        Returns:
            Dict of float32 tensors, for each latent layer i from 1, next to the image:
            `codes_i`, in {-1, 1}, `(batch, bits)`; and `probabilities_i` of state 1,
            `(batch, units)`, or of all states, `(batch, units, arity)`. Those of a
            layer depend on the codes drawn below it.
        """
        with self._noise(seed):
            inference = self._network.infer(ops.cast(x, "float32"), None, False)
        outputs = {}
        for i, (codes, logits) in enumerate(
            zip(inference.codes, inference.logits, strict=True), start=1
        ):
            outputs[f"codes_{i}"] = ops.cast(codes, "float32")
            outputs[f"probabilities_{i}"] = self._probabilities(logits)
        return outputs

    def decode(self, codes: Tensor) -> dict[str, Tensor]:
        """Computes the probabilities of pixels from codes of latent layer 1.

        Args:
            codes: Values in {-1, 1}, `(batch, bits)`.

        Returns:
            Dict with `probabilities`, float32, `(batch, visible units)`.
        """
        logits = self._network.visible_logits(ops.cast(codes, "float32"))
        return {"probabilities": ops.sigmoid(ops.cast(logits, "float32"))}

    def sample(
        self, num_samples: Tensor, seed: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Draws images from the generative network.

        Args:
            num_samples: Number of images, an integer or a scalar tensor.
            seed: As in `log_weights`.

        Returns:
            Dict with `probabilities` of the pixels, `(num_samples, visible units)`, and
            `codes` of latent layer 1, `(num_samples, bits)`; float32.
        """
        codes = ops.zeros((num_samples, 1))
        with self._noise(seed):
            for latent in reversed(self._network.latents):
                state, _ = latent.sample(latent.prior(codes), training=False)
                codes = latent.code(state)
        return {"codes": ops.cast(codes, "float32"), **self.decode(codes)}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        mean = self.visible_mean
        return {
            "architecture": self.architecture,
            "arity": self.arity,
            "num_samples": self.num_samples,
            "estimator": self.estimator,
            "prior_temperature": self.prior_temperature,
            "posterior_temperature": self.posterior_temperature,
            "visible_mean": None if mean is None else list(mean),
            "centering": self.centering,
            "seed": self.seed,
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self._policy),
        }

    def _noise(self, seed: Tensor | None) -> AbstractContextManager:
        return nullcontext() if seed is None else fixed_noise(self, seed)

    def _probabilities(self, logits: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32")
        return ops.sigmoid(logits) if self.arity == 2 else ops.softmax(logits)


def _sum(terms: list[Tensor], name: str) -> Tensor:
    if len(terms) == 1:
        return terms[0]
    return keras.layers.Add(name=name, dtype="float32")(terms)


def _check_mean(
    mean: Sequence[float] | np.ndarray | None, units: int
) -> list[float] | None:
    if mean is None:
        return None
    mean = [float(value) for value in mean]
    if len(mean) != units or not all(0 < value < 1 for value in mean):
        raise ValueError(
            f"Argument `visible_mean` must hold {units} numbers strictly between 0 and "
            "1, such as (count + 1) / (N + 2) for each pixel. Received: "
            f"{len(mean)} numbers from {min(mean, default=None)} to "
            f"{max(mean, default=None)}"
        )
    return mean
