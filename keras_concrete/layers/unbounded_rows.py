"""Rows beside the samples, in a model without the bound that they are for."""

import warnings

import keras

from keras_concrete.layers.bound import MultiSampleBound
from keras_concrete.sublayers import all_layers, running_layers

__all__ = ["warn_of_unbounded_rows"]


def warn_of_unbounded_rows(layer: keras.Layer, estimator: str) -> bool:
    """Warns if the model that trains takes rows that are no samples for samples.

    It does so where it has a compiled loss, and no layer that is a `MultiSampleBound`.

    Args:
        layer: The sampler.
        estimator: Name of its estimator.

    Returns:
        Whether it warned.
    """
    models = list(running_layers(keras.Model))
    has_loss = any(getattr(model, "loss", None) is not None for model in models)
    layers = (part for model in models for part in all_layers(model))
    if not has_loss or any(isinstance(part, MultiSampleBound) for part in layers):
        return False
    warnings.warn(
        f"{layer.name!r} draws by the estimator {estimator!r}, which adds rows to the "
        "samples that only MultiSampleBound understands, and the model that trains has "
        "none: its loss takes them for samples. End the model in MultiSampleBound, or "
        "choose an estimator whose gradient flows through the states, such as 'concrete' "
        "or 'reinmax'.",
        stacklevel=2,
    )
    return True
