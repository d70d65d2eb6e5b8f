"""Trained models as files that a server runs without this package."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "Models are exported from the backend tensorflow. Save this one, "
        "model.save('model.keras'); then, in a process with KERAS_BACKEND=tensorflow, "
        "keras.saving.load_model('model.keras') and export what it returns."
    )

from keras_concrete.serving.onnx_files import export_onnx
from keras_concrete.serving.saved_model import export_saved_model

__all__ = ["export_onnx", "export_saved_model"]
