"""The callback that logs temperatures."""

from typing import Any

import keras
from keras import ops

from keras_concrete import schedules
from keras_concrete.layers import (
    BinaryConcreteSample,
    ConcreteSample,
    HardConcrete,
    SubsetSample,
)
from keras_concrete.sublayers import all_layers

__all__ = ["TemperatureLog"]

_KINDS = (BinaryConcreteSample, ConcreteSample, SubsetSample, HardConcrete)


class TemperatureLog(keras.callbacks.Callback):
    """Adds the temperatures of samplers and gates to the logs of each epoch.

    They are called `temperature` if all these layers were made with the same one,
    otherwise `temperature_` and the name of the layer. With a schedule it is that of the
    next training step.

    Raises:
        ValueError: If the model has no `BinaryConcreteSample`, `ConcreteSample`,
            `SubsetSample` or `HardConcrete`.

    Example:
    >>> import numpy as np
    >>> import keras_concrete as kc
    >>> model, x = kc.SigmoidBeliefNetwork("3H-4V"), np.eye(4)
    >>> model.compile("adam")
    >>> history = model.fit(x, callbacks=[kc.TemperatureLog()], verbose=0).history
    >>> round(history["temperature"][0], 3)
    0.667
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Finds the samplers."""
        layers = all_layers(self.model)
        samplers = [layer for layer in layers if isinstance(layer, _KINDS)]
        if not samplers:
            raise ValueError(
                f"The model {self.model.name!r} has no layer with a temperature: "
                "TemperatureLog needs a BinaryConcreteSample, ConcreteSample, "
                "SubsetSample or HardConcrete."
            )
        settings = [_identity(layer.temperature) for layer in samplers]
        self._named = {f"temperature_{layer.name}": layer for layer in samplers}
        if all(setting == settings[0] for setting in settings):
            self._named = {"temperature": samplers[0]}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the temperatures to the logs."""
        if logs is not None:
            for name, layer in self._named.items():
                logs[name] = float(ops.convert_to_numpy(layer.current_temperature))


def _identity(setting: schedules.Setting) -> Any:
    """What is equal for settings that stay equal: not for variables of one value."""
    if isinstance(setting, keras.Variable):
        return id(setting)
    return schedules.serialize(setting)
