"""Trained models as files that a server runs without this package."""

from keras_concrete.serving.onnx_files import export_onnx
from keras_concrete.serving.saved_model import export_saved_model

__all__ = ["export_onnx", "export_saved_model"]
