"""Trained models as files that a server runs without this package."""

from typing import TYPE_CHECKING

import keras

from keras_concrete.checks import needing_tensorflow

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from keras_concrete.serving.onnx_files import export_onnx
    from keras_concrete.serving.saved_model import export_saved_model
else:
    export_onnx = needing_tensorflow("export_onnx")
    export_saved_model = needing_tensorflow("export_saved_model")

__all__ = ["export_onnx", "export_saved_model"]
