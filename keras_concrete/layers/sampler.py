"""What both samplers share: the two graphs of figures 1 and 3."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_concrete import estimators, schedules
from keras_concrete.checks import check_choice, check_flag
from keras_concrete.estimators.base import check_sample_axis
from keras_concrete.graphs import piecewise_compiled
from keras_concrete.layers.current_setting import (
    CurrentTemperature,
    GivenSetting,
    HasTemperature,
)
from keras_concrete.layers.forgotten_terms import ForgottenTerms
from keras_concrete.layers.origin import Origin, note_origin
from keras_concrete.layers.pass_terms import Draw, note
from keras_concrete.layers.prior_kl import PriorKL, check_prior
from keras_concrete.layers.probabilities import warn_of_probabilities
from keras_concrete.layers.sample_axis import (
    HasSampleAxis,
    shape_with_samples,
    with_sample_axis,
)
from keras_concrete.layers.shapes import match
from keras_concrete.layers.unbounded_rows import warn_of_unbounded_rows
from keras_concrete.seeding import SeededLayer
from keras_concrete.step_mean import StepMean
from keras_concrete.temperatures import warn_if_too_warm
from keras_concrete.types import Shape, Tensor

__all__ = ["Sampler"]


class Sampler(HasTemperature, HasSampleAxis, SeededLayer):
    """Base of layers from logits to states: relaxed in training, discrete otherwise.

    The arguments are described by the layers that derive from it.
    """

    _binary: ClassVar[bool]

    prior_temperature = GivenSetting()
    kl_weight = GivenSetting()
    estimator = GivenSetting(can_change=False)
    prior = GivenSetting(can_change=False)
    kl_objective = GivenSetting(can_change=False)
    kl_balance = GivenSetting(can_change=False)
    free_nats = GivenSetting(can_change=False)

    def __init__(
        self,
        temperature: schedules.Setting,
        num_samples: int | None = None,
        return_node: bool = False,
        estimator: str = "concrete",
        inference: str = "sample",
        *,
        sample_axis: bool = False,
        prior: str | None = None,
        prior_temperature: schedules.Setting | None = None,
        kl_weight: schedules.Setting = 1.0,
        kl_objective: str | None = None,
        kl_balance: float | None = None,
        free_nats: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self._set_num_samples(num_samples)
        if num_samples is not None and sample_axis:
            raise ValueError(
                "Pass either the argument `num_samples` or the argument "
                "`sample_axis`: the one makes the axis that the other reads."
            )
        check_choice("inference", inference, ("sample", "mode"))
        check_flag("return_node", return_node)
        check_flag("sample_axis", sample_axis)
        self._estimator = estimators.get(estimator, self._binary)
        temperature = schedules.get("temperature", temperature)
        self._temperature = CurrentTemperature(self, "temperature", temperature)
        self.return_node = bool(return_node)
        self.inference = inference
        self.sample_axis = bool(sample_axis)
        told = {
            "prior_temperature": prior_temperature,
            "kl_weight": kl_weight,
            "kl_objective": kl_objective,
            "kl_balance": kl_balance,
            "free_nats": free_nats,
        }
        told = check_prior(prior, estimator, told)
        schedules.keep_as_given(self, estimator=estimator, prior=prior, **told)
        if self._estimator.convex_when_cold:
            warn_if_too_warm(temperature)
            if self.prior_temperature is not None:
                warn_if_too_warm(self.prior_temperature)
        self._kl: Any = None
        if prior is not None:
            self._kl_mean = StepMean(name=f"{self.name}_kl")
        self._terms = ForgottenTerms()
        self._has_warned = self._has_warned_of_rows = False
        self.autocast = False
        self.supports_masking = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Draws states, and notes on them and on the nodes by what they were drawn."""
        outputs = super().__call__(*args, **kwargs)
        logits = args[0] if args else kwargs["logits"]
        self.note_on(outputs, self._num_states(logits.shape))
        return outputs

    def note_on(self, outputs: Any, num_states: int) -> None:
        """Notes on tensors that the layer drew them, units of so many states."""
        unit = num_states, self._binary
        drawn = self._adds_axis, self._terms
        note_origin(outputs, Origin(self.name, self.estimator, *unit, *drawn))

    def _num_states(self, logits_shape: Shape) -> int:
        return 2 if self._binary else logits_shape[-1]

    def build(self, logits_shape: Shape, prior_logits_shape: Shape | None = None) -> None:
        """Adds the term of a prior, if there is one."""
        self._check_rank(logits_shape)
        if self.prior is None:
            return
        prior_temperature = self.prior_temperature
        if prior_temperature is None:
            prior_temperature = self.temperature
        kl = {
            "posterior_temperature": self.temperature,
            "prior_temperature": prior_temperature,
            "loss_weight": self.kl_weight,
            "objective": self.kl_objective,
            "balance": self.kl_balance,
            "free_nats": self.free_nats,
            "estimator": self.estimator,
            "sample_axis": self.sample_axis or self.num_samples is not None,
        }
        num_states = self._num_states(logits_shape)
        report = self._kl_mean.add_call
        self._kl = PriorKL(self.name, self.prior, num_states, self._binary, kl, report)
        if self.sample_axis:  # All samples have one prior.
            logits_shape = (logits_shape[0], *logits_shape[2:])
        self._kl.build(logits_shape, logits_shape, prior_logits_shape)

    def call(
        self,
        logits: Tensor,
        prior_logits: Tensor | None = None,
        num_samples: Tensor | None = None,
        training: bool = False,
        mask: Tensor | None = None,
        logits_mask: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Draws states.

        Args:
            logits: Tensor whose axes the class docstring describes.
            prior_logits: Logits of the prior, of the shape of `logits`; for
                `prior="given"`.
            num_samples: Number of samples for each example at this call, an integer or
                an integer scalar tensor, in place of the constructor's.
            training: True for relaxed states, False for discrete ones.
            mask: Mask of time steps, which Keras passes. Steps where it is False add
                nothing to the KL term; their states are drawn as all others are.
            logits_mask: The same, as Keras calls it where there are more tensors.

        Returns:
            The state in the compute dtype; with `return_node` the pair of state and
            node, the node in float32.
        """
        # Here and not above: TFP takes a second to import.
        from keras_concrete.distributions.impossible import in_float32

        estimator = self._estimator
        unit_of = estimator.unit if training else estimator.discrete_unit
        unit = unit_of(self._binary)
        logits = ops.cast(logits, "float32") if self._binary else in_float32(logits)
        if not self._has_warned:
            self._has_warned = warn_of_probabilities(self, logits, self._binary)
        num_samples = self._samples_of_call(num_samples)
        self._check_prior_logits(logits, prior_logits)
        rows = num_samples
        if training and num_samples is not None:
            rows = estimator.decoder_evaluations(num_samples)
        expanded, shape = with_sample_axis(logits, rows)
        if training and num_samples is None and estimator.adds_rows:
            rows = shape[: -1 if self._binary else -2] if self.sample_axis else shape[:1]
            check_sample_axis(self.estimator, rows)
        temperature = self._temperature.read(training)
        if training or self.inference == "sample":
            note(Draw(self.name, has_density=True))
        if training:
            self._terms.warn()
            if estimator.adds_rows and not self._has_warned_of_rows:
                self._has_warned_of_rows = warn_of_unbounded_rows(self, self.estimator)
            # The node too: some estimators draw more for it.
            with piecewise_compiled(True):
                noise = estimator.noise(unit, shape, self.next_key())
                node = estimator.node(unit, expanded, noise, temperature)
            state = estimator.state(unit, node)
        else:
            if self.inference == "mode":
                noise = unit.mode_noise(shape)
            else:
                noise = unit.noise(shape, self.next_key())
            node = unit.node(expanded, noise, temperature)
            state = unit.discrete_state(node)
        if self._kl is not None:
            mask = logits_mask if mask is None else mask
            self._kl(node, logits, prior_logits, training=training, logits_mask=mask)
        state = ops.cast(state, self.compute_dtype)
        return (state, node) if self.return_node else state

    def _check_rank(self, logits_shape: Shape) -> None:
        raise NotImplementedError

    def _check_prior_logits(self, logits: Tensor, prior_logits: Tensor | None) -> None:
        """Refuses logits of a prior that has none, none of one, and other shapes."""
        is_given = self.prior == "given"
        if is_given != (prior_logits is not None):
            raise ValueError(
                f"{self.name!r} was made with prior={self.prior!r}, and is called "
                + ("without `prior_logits`." if is_given else "with `prior_logits`.")
                + " The two go together: prior='given', and logits of the prior at each "
                "call."
            )
        if is_given:
            shape, has_samples = ops.shape(logits), self.sample_axis
            match(self.name, "prior_logits", prior_logits, "logits", shape, has_samples)

    def _spec_of_prior(self, logits_shape: Shape) -> Any:
        return keras.KerasTensor(logits_shape) if self.prior == "given" else None

    def _samples_of_call(self, num_samples: Tensor | None) -> Tensor | None:
        num_samples = super()._samples_of_call(num_samples)
        if self._adds_axis and self.num_samples is None and self.prior is not None:
            raise ValueError(
                f"{self.name!r} has a prior, whose term must know of the sample "
                "axis: pass `num_samples` to the constructor too."
            )
        return num_samples

    def compute_output_spec(
        self,
        logits: Tensor,
        prior_logits: Tensor | None = None,
        num_samples: Tensor | None = None,
        training: bool = False,
        mask: Tensor | None = None,
        logits_mask: Tensor | None = None,
    ) -> Any:
        """Shape and dtype of the output: the node is float32 under every policy."""
        self._check_prior_logits(logits, prior_logits)
        shape = shape_with_samples(logits.shape, self._samples_of_call(num_samples))
        if self._adds_axis and self._estimator.adds_rows:  # In training only.
            shape = (shape[0], None, *shape[2:])
        state = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if self.return_node:
            unit = self._estimator.unit(self._binary)
            return state, keras.KerasTensor(unit.node_shape(shape), dtype="float32")
        return state

    def compute_output_shape(
        self, logits_shape: Shape, prior_logits_shape: Shape | None = None
    ) -> Any:
        """Shape of the output, for layers that wrap this one."""
        spec = self.compute_output_spec(
            keras.KerasTensor(logits_shape), self._spec_of_prior(logits_shape)
        )
        return keras.tree.map_structure(lambda tensor: tuple(tensor.shape), spec)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on to each output; a sample axis takes none."""
        mask = super().compute_mask(inputs, mask)
        return (mask, mask) if self.return_node else mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": schedules.serialize(self.temperature),
            "num_samples": self.num_samples,
            "return_node": self.return_node,
            "estimator": self.estimator,
            "inference": self.inference,
            "sample_axis": self.sample_axis,
            "prior": self.prior,
            "prior_temperature": schedules.serialize(self.prior_temperature),
            "kl_weight": schedules.serialize(self.kl_weight),
            "kl_objective": self.kl_objective,
            "kl_balance": self.kl_balance,
            "free_nats": self.free_nats,
        }
