"""A Keras model whose loss is minus its own bound."""

import functools
import inspect
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from keras_concrete.first_batch import peek
from keras_concrete.looped_model import LoopedModel
from keras_concrete.losses import NegativeBound
from keras_concrete.seeding import num_replicas
from keras_concrete.types import Tensor

__all__ = ["BoundModel", "same_signature"]

# Of which type checkers would keep Keras's positional arguments only.
same_signature: Any = functools.wraps


class BoundModel(LoopedModel):
    """Base of models that are trained by their own bound, and report its parts.

    `fit(x)` suffices for density estimation, and `fit(x, sample_weight=...)` for weighted
    examples.
    """

    _means: list[keras.metrics.Mean]

    @property
    def is_conditional(self) -> bool:
        """Whether the targets are other data than the inputs."""
        raise NotImplementedError

    def check_data(self, x: Any, y: Any = None) -> None:
        """Raises `ValueError` for arrays that the model cannot take."""
        raise NotImplementedError

    def results(self, y: Any, y_pred: Any, training: bool) -> dict[str, Tensor]:
        """What is reported, one number for each example: the `bound` and other terms."""
        raise NotImplementedError

    def make_means(self, names: Iterable[str]) -> list[keras.metrics.Mean]:
        """The metrics that average the results of those names."""
        return [keras.metrics.Mean(name, dtype="float32") for name in names]

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns minus the mean bound, weighted, plus the layers' own losses."""
        results = self.results(y, y_pred, training)
        for mean in self._means:
            mean.update_state(results[mean.name], sample_weight)
        loss = NegativeBound()(results["bound"], results["bound"], sample_weight)
        # A tf.distribute strategy sums over replicas, which Keras's losses allow for.
        for term in self.losses:
            loss = loss + ops.cast(term, loss.dtype) / num_replicas()
        return loss

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Configures training as `keras.Model.compile` does, but takes no loss.

        Args:
            args: Arguments of `keras.Model.compile`.
            kwargs: Likewise.

        Raises:
            ValueError: If `loss` or `loss_weights` is given.
        """
        given = _arguments(keras.Model.compile, self, *args, **kwargs)
        for name in ("loss", "loss_weights"):
            if given.get(name) is not None:
                raise ValueError(
                    f"{type(self).__name__} maximises its own bound, so that it compiles "
                    f"without `{name}`: compile(optimizer). Received: "
                    f"{name}={given[name]!r}"
                )
        super().compile(**given)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a loaded model as it was compiled when it was saved."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @same_signature(keras.Model.fit)
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        given = _arguments(keras.Model.fit, self, *args, **kwargs)
        if given.get("class_weight") is not None:
            raise ValueError(
                "Argument `class_weight` is for targets that are classes, of which a "
                "belief network has none: weigh examples by `sample_weight`."
            )
        given["y"] = self._target(*map(given.get, ("x", "y", "sample_weight")))
        given["x"] = self._checked(given.get("x"), given["y"])
        validation_data = given.get("validation_data")
        if isinstance(validation_data, list | tuple):
            self.check_data(*validation_data[:2])
            if len(validation_data) == 3:
                x, _, weights = validation_data
                validation_data = (x, self._target(*validation_data), weights)
                given["validation_data"] = validation_data
        elif validation_data is not None:
            given["validation_data"] = self._checked(validation_data)
        return super().fit(**given)

    @same_signature(keras.Model.evaluate)
    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        given = _arguments(keras.Model.evaluate, self, *args, **kwargs)
        given["y"] = self._target(*map(given.get, ("x", "y", "sample_weight")))
        given["x"] = self._checked(given.get("x"), given["y"])
        return super().evaluate(**given)

    def predict_step(self, *args: Any) -> Any:
        """Predicts a batch; on JAX by a state of the model, which is returned too."""
        result = super().predict_step(*args)
        if keras.backend.backend() == "jax":
            outputs, state = result
            return self._prediction(outputs), state
        return self._prediction(result)

    def _prediction(self, outputs: Any) -> Any:
        """What `predict` returns of the model's outputs."""
        return outputs

    def _target(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """The targets, without which Keras drops weights: of densities, the data."""
        is_missing = y is None and sample_weight is not None
        return x if is_missing and not self.is_conditional else y

    def _checked(self, x: Any, y: Any = None) -> Any:
        """Checks arrays, or the first batch of other data; returns data to use."""
        batch, data = peek(x)
        if batch is not None:
            x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        self.check_data(x, y)
        return data


def _arguments(method: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by their names, without `self`."""
    given = inspect.signature(method).bind(*args, **kwargs).arguments
    kwargs = given.pop("kwargs", {})
    return {name: given[name] for name in given if name != "self"} | kwargs
