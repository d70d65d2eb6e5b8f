"""Sigmoid belief networks, built from the layers by the functional API."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import schedules
from keras_concrete.bound_model import BoundModel, same_signature
from keras_concrete.checks import check_images, check_means, check_positive
from keras_concrete.networks import LayerMaker, network_class
from keras_concrete.networks.layer_states import layer_states, restore_layer_states
from keras_concrete.networks.notation import parse_architecture
from keras_concrete.schedules import Setting
from keras_concrete.seeding import fixed_noise
from keras_concrete.temperatures import choose_temperatures
from keras_concrete.types import Tensor

__all__ = ["SigmoidBeliefNetwork"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class SigmoidBeliefNetwork(BoundModel):
    """A belief network of discrete units, with its inference network.

    A functional model of this package's layers from binary data to the multi-sample
    bound. In training the graph is relaxed, otherwise discrete, with one set of weights:
    `fit(x)` maximises the relaxed bound, `evaluate(x)` reports the discrete one.
    Latent layers are numbered from the image upward: layer 1 is next to the image.

    A notation with a visible layer on the left, such as `392V-240H-240H-392V`, makes a
    conditional network, which predicts an image from a context: `fit(context, image)`
    maximises the bound on log p(image given context) with samples from the prior (section
    5.3), and `predict(context)` returns the probabilities of the pixels, the mean over
    `num_samples` samples.

    Args:
        architecture: In the paper's notation, from the top down, such as
            `200H~200H~784V`; see `keras_concrete.networks.notation`. Units are bits.
        arity: Number of states of a latent unit, a power of 2: 120 units of 4 states
            make a layer `240H`.
        num_samples: Number of samples m of the bound in `fit` and `evaluate`.
        estimator: Name of the gradient estimator: see `keras_concrete.estimators`.
        prior_temperature: Temperature of the densities of p: a number, or a schedule of
            training steps (see `keras_concrete.schedules`). By default the paper's for
            arity 2, 4 and 8: 1/2, 2/3 and 2/5; others must pass it. Not for conditional
            networks, which have one temperature, `posterior_temperature`.
        posterior_temperature: That of samples and densities of q. By default the
            paper's for arity 2, 4 and 8: 2/3, 1 and 2/3; others must pass it.
        visible_mean: Mean of each pixel over the training set, strictly between 0 and
            1, for the visible biases: (count + 1) / (N + 2), say. By default 1/2.
        centering: Whether inference layers read the codes of other layers less a
            running average (`Centering`); of no effect with one latent layer.
        encoder_units: Units of each of q's two tanh layers next to the image (`~`). By
            default those of the layer they lead to, as Burda et al. have it (2016); the
            letter of D.1 is the size of the image, which takes twice the time.
        kernel_regularizer: Regularizer of all kernels, as in `keras.layers.Dense`.
        seed: Integer for the initial weights and the noise, or None.
        name: Name of the model.
        dtype: Dtype policy of the layers; by default the global one.

    `keras.models.clone_model` makes a plain functional model of it; for another belief
    network call `SigmoidBeliefNetwork.from_config(model.get_config())`.

    Call arguments:
        inputs: Binary data, `(batch, visible units)`; for a conditional network the
            context.
        training: True for the relaxed graph, False for the discrete one.

    Returns:
        Dict of float32 tensors, in nats: `bound`, `(batch,)`, and the terms it is made
        of, `(batch, num_samples)`: `log_likelihood`, log p(x given z); `log_prior`,
        log p(z); `log_posterior`, log q(z given x). `fit` and `evaluate` report the mean
        `bound` and its two parts: `reconstruction`, the mean log-likelihood, and `kl`,
        the mean of log_posterior - log_prior. With one sample, bound = reconstruction -
        kl. A conditional network returns `probabilities`, `(batch, visible units)`,
        `logits` of each sample, and what the estimator needs; it reports `bound`.

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
        Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017: sections 5.2, D.
    """

    def __init__(
        self,
        architecture: str,
        arity: int = 2,
        num_samples: int = 1,
        estimator: str = "concrete",
        *,
        prior_temperature: Setting | None = None,
        posterior_temperature: Setting | None = None,
        visible_mean: Sequence[float] | np.ndarray | None = None,
        centering: bool = True,
        encoder_units: int | None = None,
        kernel_regularizer: Any = None,
        seed: int | None = None,
        name: str = "sigmoid_belief_network",
        dtype: Any = None,
    ) -> None:
        parsed = parse_architecture(architecture)
        check_positive("num_samples", num_samples, int)
        if visible_mean is not None:
            visible_mean = check_means("visible_mean", visible_mean, parsed.visible_units)
        kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        policy = keras.dtype_policies.get(dtype)
        maker = LayerMaker(arity, estimator, kernel_regularizer, seed, policy)
        temperatures = choose_temperatures(
            arity,
            prior=prior_temperature,
            posterior=posterior_temperature,
            conditional=parsed.context_units is not None,
        )
        network = network_class(parsed)(
            parsed, maker, estimator, temperatures, visible_mean, centering, encoder_units
        )
        size = parsed.context_units or parsed.visible_units
        x = keras.Input((size,), dtype="float32", name="x")
        super().__init__(x, network.outputs(x, num_samples), name=name)
        self.architecture, self.arity = architecture, arity
        self.num_samples, self.estimator = num_samples, estimator
        schedules.keep_as_given(
            self,
            prior_temperature=prior_temperature,
            posterior_temperature=posterior_temperature,
        )
        self.visible_mean = visible_mean
        self.centering = centering
        self.encoder_units = encoder_units
        self.kernel_regularizer = kernel_regularizer
        self.seed = seed
        self._parsed, self._policy, self._network = parsed, policy, network
        self._bound = network.bound
        self._means = self.make_means(network.metric_names)

    def check_data(self, x: Any, y: Any = None) -> None:
        """Refuses arrays of other sizes, and values outside [0, 1] or NaN."""
        if hasattr(x, "__array__"):
            self._network.check_data(x, y)

    def results(self, y: Any, y_pred: Any, training: bool) -> dict[str, Tensor]:
        """The bound of each example and, of a density, its two parts, in nats."""
        return self._network.results(y, y_pred, training)

    @same_signature(keras.Model.predict)
    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(x, "__array__"):
            check_images("x", x, self.inputs[0].shape[-1])
        return super().predict(x, *args, **kwargs)

    def _prediction(self, outputs: Any) -> Any:
        """Keeps, of the outputs of a conditional network, the `probabilities`."""
        return outputs["probabilities"] if self.is_conditional else outputs

    @property
    def is_conditional(self) -> bool:
        """Whether the network predicts one image from another."""
        return self._parsed.context_units is not None

    @property
    def visible_units(self) -> int:
        """Pixels of the image that is modelled."""
        return self._parsed.visible_units

    @property
    def code_units(self) -> int:
        """Bits of latent layer 1, the one next to the image."""
        return self._parsed.latent_units[-1]

    def log_weights(
        self,
        x: Any,
        num_samples: Tensor,
        training: bool = False,
        seed: Tensor | None = None,
    ) -> Tensor:
        """Draws log-weights log p(x, z) - log q(z given x).

        In a conditional network samples come from p(z given context), and the
        log-weights are log p(image given z).

        Args:
            x: Binary data, `(batch, visible units)`; for a conditional network the pair
                `(context, image)`.
            num_samples: Samples for each example, an integer or a scalar tensor.
            training: Whether the graph is relaxed.
            seed: Integer or integer tensor, of which alone the noise is a function; None
                for new noise at each call. The call changes no other state of the model.

        Returns:
            Float32 tensor `(batch, num_samples)`, in nats.
        """
        x = keras.tree.map_structure(lambda part: ops.cast(part, "float32"), x)
        with self._noise(seed):
            return self._network.terms(x, num_samples, training).log_weights()

    def encode(self, x: Tensor, seed: Tensor | None = None) -> dict[str, Tensor]:
        """Draws the discrete codes of data from the inference network.

        Args:
            x: Binary data, `(batch, visible units)`; for a conditional network the
                context, given which it draws from its prior.
            seed: As in `log_weights`.

        Returns:
            Dict of float32 tensors, for each latent layer i from 1, next to the image:
            `codes_i`, in {-1, 1}, `(batch, bits)`; and `probabilities_i` of state 1,
            `(batch, units)`, or of all states, `(batch, units, arity)`. Those of a
            layer depend on the codes drawn before it.
        """
        with self._noise(seed):
            draw = self._network.draw(ops.cast(x, "float32"), None, False)
        as_probabilities = ops.sigmoid if self.arity == 2 else ops.softmax
        outputs = {}
        for i, (codes, logits) in enumerate(zip(draw.codes, draw.logits, strict=True), 1):
            outputs[f"codes_{i}"] = ops.cast(codes, "float32")
            outputs[f"probabilities_{i}"] = as_probabilities(ops.cast(logits, "float32"))
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
        self,
        num_images: Tensor,
        seed: Tensor | None = None,
        context: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Draws images from the generative network.

        Args:
            num_images: Number of images, an integer or a scalar tensor; for a
                conditional network that of images for each context.
            seed: As in `log_weights`.
            context: `(batch, context units)`; for a conditional network only.

        Returns:
            Dict with `probabilities` of the pixels, `(num_images, visible units)`, and
            `codes` of latent layer 1, `(num_images, bits)`; float32. For a conditional
            network `(batch, num_images, ...)`.

        Raises:
            ValueError: If a conditional network is given no context, or another is.
        """
        context = None if context is None else ops.cast(context, "float32")
        with self._noise(seed):
            codes = self._network.sample(num_images, context)
        return {"codes": ops.cast(codes, "float32"), **self.decode(codes)}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, and what was done to its layers."""
        names = "architecture arity num_samples estimator centering encoder_units"
        mean, serialize = self.visible_mean, keras.saving.serialize_keras_object
        return {
            **{name: getattr(self, name) for name in [*names.split(), "seed", "name"]},
            "prior_temperature": schedules.serialize(self.prior_temperature),
            "posterior_temperature": schedules.serialize(self.posterior_temperature),
            "visible_mean": None if mean is None else list(mean),
            "kernel_regularizer": serialize(self.kernel_regularizer),
            "dtype": serialize(self._policy),
            "layer_states": layer_states(self),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Makes the network anew, with layers frozen and quantized as they were."""
        arguments = dict(config)
        states = arguments.pop("layer_states", {})
        model = cls(**arguments)
        restore_layer_states(model, states)
        return model

    def _noise(self, seed: Tensor | None) -> AbstractContextManager:
        """Noise by a seed, or by the next key of layer 1; all else stays as it was."""
        return fixed_noise(self, self._network.next_key() if seed is None else seed)
