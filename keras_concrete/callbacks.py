"""Callbacks for `fit`.

`IntegralityGap` and `TemperatureLog` add to the logs of an epoch, which Keras hands from
one callback to the next: list them first, and Keras's own `EarlyStopping`,
`ModelCheckpoint`, `CSVLogger` and `TensorBoard` take what they add as they take a loss.
"""

import math
import os
from importlib.util import find_spec
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import noise, objectives, schedules
from keras_concrete.checks import check_positive, check_seed
from keras_concrete.images import tile_images
from keras_concrete.latent_variable_model import LatentVariableModel
from keras_concrete.layers import (
    BinaryConcreteSample,
    ConcreteSample,
    MultiSampleBound,
)
from keras_concrete.programs import compiled
from keras_concrete.seeding import fixed_noise
from keras_concrete.sublayers import all_layers
from keras_concrete.types import Tensor

__all__ = [
    "ImageGrids",
    "IntegralityGap",
    "TemperatureLog",
]


class IntegralityGap(keras.callbacks.Callback):
    """Adds the discrete and the relaxed bound on held-out data to the logs, and the gap.

    After each epoch, in nats per example: `val_bound_discrete`, what counts in the end;
    `val_bound_relaxed`, what training sees; and `val_integrality_gap`, relaxed less
    discrete. All epochs and both graphs have the same noise, so that epochs compare, and
    training goes on as it would have without. Stop early on what matters by
    `keras.callbacks.EarlyStopping("val_bound_discrete", mode="max")`, listed after it.

    It is for belief networks, and for a model of your own that ends in its bound: the
    output of `MultiSampleBound`, alone or as `"bound"` of a dict.

    Args:
        x: Held-out binary data, `(examples, visible units)`; for a conditional network
            the pair `(context, image)`; for a model of your own its inputs.
        num_samples: Samples m of both bounds, which may be more than in training. A model
            of your own has its own number.
        batch_size: Examples at a time.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ValueError: If `num_samples` or `batch_size` is not a positive integer, or the
            model that it is used with has no bound, or is not for such data.

    Example:
    >>> from keras_concrete import SigmoidBeliefNetwork
    >>> model, x = SigmoidBeliefNetwork("3H-4V", seed=0), np.eye(4)
    >>> model.compile("adam")
    >>> history = model.fit(x, callbacks=[IntegralityGap(x)], verbose=0).history
    >>> [name for name in history if name.startswith("val")]
    ['val_bound_discrete', 'val_bound_relaxed', 'val_integrality_gap']
    """

    def __init__(
        self, x: Any, num_samples: int = 1, batch_size: int = 256, seed: int = 0
    ) -> None:
        super().__init__()
        check_positive("num_samples", num_samples, int)
        check_positive("batch_size", batch_size, int)
        check_seed(seed)
        self._x = x
        self._num_samples = num_samples
        self._batch_size = batch_size
        self._key = noise.key_from_seed(ops.convert_to_tensor(seed))

    def on_train_begin(self, logs: Any = None) -> None:
        """Prepares the function that evaluates a batch."""
        model = self.model
        if not hasattr(model, "log_weights") and not _ends_in_bound(model):
            raise ValueError(
                "IntegralityGap is for a SigmoidBeliefNetwork, or for a functional model "
                'whose output is that of MultiSampleBound, or a dict with it as "bound". '
                f"Received: {model.name!r}, a {type(model).__name__}"
            )
        if isinstance(model, LatentVariableModel):
            model.check_data(*(self._x if isinstance(self._x, tuple) else (self._x,)))

        def bounds(x: Any, key: Tensor, training: bool) -> Tensor:
            if hasattr(model, "log_weights"):
                log_weights = model.log_weights(x, self._num_samples, training, key)
                return objectives.importance_weighted_bound(log_weights)
            with fixed_noise(model, key):
                return _bound_of(model(x, training=training))

        self._bounds = compiled(
            bounds,
            lambda: model,
            static=["training"],
            jit_compile=bool(model.jit_compile),
            reduce_retracing=True,
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the three numbers to the logs."""
        relaxed, discrete = self._mean(training=True), self._mean(training=False)
        if logs is not None:
            logs["val_bound_discrete"] = discrete
            logs["val_bound_relaxed"] = relaxed
            logs["val_integrality_gap"] = relaxed - discrete

    def _mean(self, training: bool) -> float:
        parts = self._x if isinstance(self._x, tuple) else (self._x,)
        bounds = []
        for i, start in enumerate(range(0, len(parts[0]), self._batch_size)):
            rows = tuple(
                ops.convert_to_tensor(
                    part[start : start + self._batch_size], dtype="float32"
                )
                for part in parts
            )
            x = rows if isinstance(self._x, tuple) else rows[0]
            key = noise.fold_in(self._key, i)
            bounds.append(ops.convert_to_numpy(self._bounds(x, key, training)))
        return float(np.mean(np.concatenate(bounds)))


def _ends_in_bound(model: keras.Model) -> bool:
    bound = _bound_of(getattr(model, "output", None))
    layers = [layer for layer in all_layers(model) if isinstance(layer, MultiSampleBound)]
    return any(bound is getattr(layer, "output", layer) for layer in layers)


def _bound_of(outputs: Any) -> Any:
    return outputs.get("bound") if isinstance(outputs, dict) else outputs


class TemperatureLog(keras.callbacks.Callback):
    """Adds the temperatures of the samplers to the logs of each epoch.

    They are called `temperature` if all samplers were made with the same one, otherwise
    `temperature_` and the name of the layer. With a schedule it is that of the next
    training step.

    Raises:
        ValueError: If the model has no `BinaryConcreteSample` or `ConcreteSample`.

    Example:
    >>> import keras_concrete as kc
    >>> model, x = kc.SigmoidBeliefNetwork("3H-4V"), np.eye(4)
    >>> model.compile("adam")
    >>> history = model.fit(x, callbacks=[kc.TemperatureLog()], verbose=0).history
    >>> round(history["temperature"][0], 3)
    0.667
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Finds the samplers."""
        kinds = (BinaryConcreteSample, ConcreteSample)
        samplers = [layer for layer in all_layers(self.model) if isinstance(layer, kinds)]
        if not samplers:
            raise ValueError(
                f"The model {self.model.name!r} has no layer with a temperature: "
                "TemperatureLog needs a BinaryConcreteSample or ConcreteSample."
            )
        settings = [schedules.serialize(layer.temperature) for layer in samplers]
        self._named = {f"temperature_{layer.name}": layer for layer in samplers}
        if all(setting == settings[0] for setting in settings):
            self._named = {"temperature": samplers[0]}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the temperatures to the logs."""
        if logs is not None:
            for name, layer in self._named.items():
                logs[name] = float(ops.convert_to_numpy(layer.current_temperature))


class ImageGrids(keras.callbacks.Callback):
    """Writes grids of images to TensorBoard as a belief network trains.

    `samples` from the model, and `reconstructions` below the images they are of; for a
    conditional network `predictions` below the images that they should be. Each grid
    has the same noise in every epoch. Needs `pip install 'keras_concrete[tensorboard]'`.

    Args:
        log_dir: Folder of TensorBoard's files, usually that of
            `keras.callbacks.TensorBoard`.
        x: Images, `(examples, visible units)`, of which the first are shown; for a
            conditional network the pair `(context, image)`.
        num_images: Number of images in a grid, the number of its columns squared.
        every: Number of epochs from one grid to the next.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ImportError: If TensorBoard is not installed.
        ValueError: If `num_images` or `every` is not a positive integer, or the model
            that it is used with is not a `LatentVariableModel`.

    Example:
    >>> grids = ImageGrids("logs", np.eye(4), num_images=4)  # fit(..., callbacks=[grids])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        x: Any,
        num_images: int = 64,
        every: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_positive("num_images", num_images, int)
        check_positive("every", every, int)
        check_seed(seed)
        if find_spec("tensorboard") is None or find_spec("tensorflow") is None:
            raise ImportError(
                "ImageGrids writes by TensorFlow to TensorBoard, one of which is not "
                "installed: pip install tensorflow 'keras_concrete[tensorboard]'"
            )
        self._log_dir = os.path.join(log_dir, "images")
        self._x = x
        self._columns = math.ceil(math.sqrt(num_images))
        self._every = every
        self._seed = seed

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the file."""
        if not isinstance(self.model, LatentVariableModel):
            raise ValueError(
                "ImageGrids draws from a model that has the members of "
                "keras_concrete.LatentVariableModel, such as SigmoidBeliefNetwork. "
                f"Received: {self.model.name!r}, a {type(self.model).__name__}"
            )
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(self._log_dir)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the grids."""
        if epoch % self._every:
            return
        import tensorflow as tf

        with self._writer.as_default():
            for name, grid in self._grids().items():
                canvas = 1.0 - tile_images(grid)  # black on white
                tf.summary.image(name, canvas[None, :, :, None], step=epoch)
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the file."""
        self._writer.close()

    def _grids(self) -> dict[str, np.ndarray]:
        """Arrays `(rows, columns, pixels)` of values in [0, 1]."""
        model, columns, seed = self.model, self._columns, self._seed
        if model.is_conditional:
            context, images = (part[:columns] for part in self._x)
            drawn = model.sample(1, seed, context)["probabilities"][:, 0]
            return {"predictions": np.stack([images, drawn])}
        images = self._x[:columns]
        codes = model.encode(images, seed)["codes_1"]
        samples = model.sample(columns * columns, seed)["probabilities"]
        return {
            "samples": np.reshape(samples, (columns, columns, -1)),
            "reconstructions": np.stack([images, model.decode(codes)["probabilities"]]),
        }
