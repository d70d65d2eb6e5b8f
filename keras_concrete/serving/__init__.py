"""Trained models as files that a server runs without this package."""

from keras_concrete.serving.export import export_onnx, export_saved_model

__all__ = ["export_onnx", "export_saved_model"]
