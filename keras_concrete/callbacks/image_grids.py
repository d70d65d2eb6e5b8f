"""The callback that shows images in TensorBoard."""

import math
import os
from importlib.util import find_spec
from typing import Any

import keras
import numpy as np

from keras_concrete.checks import check_positive, check_seed
from keras_concrete.images import tile_images
from keras_concrete.latent_variable_model import LatentVariableModel, check_model_data

__all__ = ["ImageGrids"]


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
        num_images: Number of images in a grid, rounded up to that of a square.
        every: Number of epochs from one grid to the next.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ImportError: If TensorBoard is not installed.
        ValueError: If `num_images` or `every` is not a positive integer, `seed` not an
            integer, or the model that it is used with is not a `LatentVariableModel`, or
            is not for such images.

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
        check_model_data(self.model, self._x)
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
