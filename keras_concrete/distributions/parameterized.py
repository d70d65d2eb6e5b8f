"""What distributions with `logits` or `probs` share: TFP's names, and its checks."""

from typing import Any, ClassVar

from keras import ops

from keras_concrete.backend import tf, tfp
from keras_concrete.distributions import parameters
from keras_concrete.distributions.parameters import as_float32, is_reference
from keras_concrete.types import Tensor

__all__ = ["Parameterized", "ParameterizedVector"]

tfd: Any = tfp.distributions


class Parameterized(tfd.Distribution):
    """Binary units with `logits` or `probs`, and a `temperature` if they are relaxed.

    A parameter that is a variable is read each time it is used, so that gradients reach
    it and `trainable_variables` has it.
    """

    _event_ndims: ClassVar[int] = 0
    _temperature: Tensor | None = None

    def _set_parameters(
        self,
        logits: Tensor | None,
        probs: Tensor | None,
        temperature: Tensor | None = None,
        validate_args: bool = False,
    ) -> None:
        if (logits is None) == (probs is None):
            raise ValueError(
                "Exactly one of the arguments `logits` and `probs` must be given. "
                f"Received: logits={logits}, probs={probs}"
            )
        self._logits = parameters.parameter(logits)
        self._probs = parameters.parameter(probs)
        shape = tf.TensorShape(self._given.shape)
        if shape.rank is None and self._event_ndims:
            shape = tf.convert_to_tensor(self._given).shape
        self._check_shape("probs" if logits is None else "logits", shape)
        if temperature is not None:
            batch_shape = shape[: -self._event_ndims] if self._event_ndims else shape
            self._temperature = parameters.checked_temperature(
                temperature, batch_shape, validate_args
            )

    def _check_shape(self, name: str, shape: tf.TensorShape) -> None:
        """Refuses shapes that are not those of such units."""

    @property
    def _given(self) -> Tensor:
        return self._probs if self._logits is None else self._logits

    @property
    def logits(self) -> Tensor | None:
        """The argument, in float32 unless it is a variable."""
        return self._logits

    @property
    def probs(self) -> Tensor | None:
        """The argument, in float32 unless it is a variable."""
        return self._probs

    @property
    def temperature(self) -> Tensor | None:
        """The argument, in float32 unless it is a variable."""
        return self._temperature

    def logits_parameter(self, name: str | None = None) -> Tensor:
        """The logits, computed from `probs` if those were given."""
        with self._name_and_control_scope(name or "logits_parameter"):
            return self._read_logits()

    def probs_parameter(self, name: str | None = None) -> Tensor:
        """The probabilities, computed from `logits` if those were given."""
        with self._name_and_control_scope(name or "probs_parameter"):
            if self._logits is None:
                return as_float32(self._probs)
            return self._probs_of(as_float32(self._logits))

    def _read_logits(self) -> Tensor:
        if self._logits is None:
            return self._logits_of(as_float32(self._probs))
        return as_float32(self._logits)

    def _read_temperature(self) -> Tensor:
        return as_float32(self._temperature)

    def _logits_of(self, probs: Tensor) -> Tensor:
        return parameters.log_odds(probs)

    def _probs_of(self, logits: Tensor) -> Tensor:
        return ops.sigmoid(logits)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant([], dtype=tf.int32)

    def _parameter_control_dependencies(self, is_init: bool) -> list:
        def is_due(value: Tensor | None) -> bool:
            return value is not None and is_init != is_reference(value)

        if not self.validate_args:
            return []
        checks = []
        if is_due(self._temperature):
            message = "Argument `temperature` must be positive."
            checks += [tf.debugging.assert_positive(self._read_temperature(), message)]
        if is_due(self._logits):
            message = "Argument `logits` must not be NaN."
            is_number = ~tf.math.is_nan(as_float32(self._logits))
            checks += [tf.debugging.Assert(tf.reduce_all(is_number), [message])]
        if is_due(self._probs):
            checks += self._checks_of_probs(as_float32(self._probs))
        return checks

    def _checks_of_probs(self, probs: Tensor) -> list:
        below, above = (
            f"Argument `probs` has components {bound}."
            for bound in ("less than 0", "greater than 1")
        )
        return [
            tf.debugging.assert_non_negative(probs, below),
            tf.debugging.assert_less_equal(probs, 1.0, above),
        ]


class ParameterizedVector(Parameterized):
    """Units with one of `logits` or `probs` for each of their n states, on the last axis.

    Raises:
        ValueError: If there is no axis of states, or none of them.
    """

    _event_ndims = 1

    def _check_shape(self, name: str, shape: tf.TensorShape) -> None:
        rule = None
        if shape.rank == 0:
            rule = "have rank at least 1"
        elif shape.rank and shape[-1] == 0:
            rule = "have final dimension >= 1"
        if rule:
            raise ValueError(
                f"Argument `{name}` must {rule}: it must have the states on its last "
                f"axis. Received: {name}.shape={tuple(shape)}"
            )

    def _check_size(self, value: Tensor) -> None:
        """Refuses vectors of another size: one coordinate would broadcast to all."""
        if not self._event_shape().is_compatible_with(value.shape[-1:]):
            raise ValueError(
                "Argument `value` must have one coordinate for each state on its last "
                f"axis. Received: value.shape={tuple(value.shape)}, "
                f"logits.shape={tuple(self._given.shape)}"
            )

    def _logits_of(self, probs: Tensor) -> Tensor:
        return parameters.log_probabilities(probs)

    def _probs_of(self, logits: Tensor) -> Tensor:
        return ops.softmax(logits)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._given.shape)[-1:]

    def _event_shape_tensor(self) -> Tensor:
        return tf.shape(as_float32(self._given))[-1:]

    def _checks_of_probs(self, probs: Tensor) -> list:
        total = tf.reduce_sum(probs, axis=-1)
        message = "Argument `probs` must sum to 1."
        return [
            *super()._checks_of_probs(probs),
            tf.debugging.assert_near(total, 1.0, message=message),
        ]
