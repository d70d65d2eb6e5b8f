"""Callbacks for `fit`.

`IntegralityGap`, `GradientVariance` and `TemperatureLog` add to the logs of an epoch,
which Keras hands from one callback to the next: list them first, and Keras's own
`EarlyStopping`, `ModelCheckpoint`, `CSVLogger` and `TensorBoard` take what they add as
they take a loss. `LearnedTemperature` and `ResetDeadCodes` change the model.
"""

from keras_concrete.callbacks.dead_codes import ResetDeadCodes
from keras_concrete.callbacks.gradient_variance import GradientVariance
from keras_concrete.callbacks.image_grids import ImageGrids
from keras_concrete.callbacks.integrality_gap import IntegralityGap
from keras_concrete.callbacks.learned_temperature import LearnedTemperature
from keras_concrete.callbacks.temperature_log import TemperatureLog

__all__ = [
    "GradientVariance",
    "ImageGrids",
    "IntegralityGap",
    "LearnedTemperature",
    "ResetDeadCodes",
    "TemperatureLog",
]
