"""Requests that TensorFlow Serving sends to a model when it loads it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from keras_concrete.serving.endpoint import Endpoint

__all__ = ["WARMUP_FILE", "write_warmup"]

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def write_warmup(
    folder: Path, found: Mapping[str, Endpoint], batch_sizes: Sequence[int]
) -> None:
    """Writes a request of zeros for every endpoint and batch size.

    Args:
        folder: That of the SavedModel.
        found: The endpoints by their names.
        batch_sizes: Numbers of rows, and of samples.

    Raises:
        ImportError: If tensorflow-serving-api is missing.
    """
    try:
        from tensorflow_serving.apis import (
            model_pb2,
            predict_pb2,
            prediction_log_pb2,
        )
    except ImportError as error:
        raise ImportError(
            "Warm-up requests need tensorflow-serving-api: "
            "pip install 'keras_concrete[serving]'"
        ) from error
    file = folder / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(os.fspath(file)) as writer:
        for name, endpoint in found.items():
            for size in batch_sizes:
                inputs = endpoint.example(size)
                request = predict_pb2.PredictRequest(
                    model_spec=model_pb2.ModelSpec(name="model", signature_name=name),
                    inputs={key: tf.make_tensor_proto(v) for key, v in inputs.items()},
                )
                log = prediction_log_pb2.PredictionLog(
                    predict_log=prediction_log_pb2.PredictLog(request=request)
                )
                writer.write(log.SerializeToString())
