"""From TensorFlow functions to ONNX, proved by loading what was written."""

import contextlib
import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_concrete.serving.endpoint import Endpoint, for_any_batch
from keras_concrete.serving.nodes import nodes_of
from keras_concrete.serving.onnx_operations import handlers
from keras_concrete.serving.traced import traced

__all__ = ["ConversionError", "to_onnx"]

# The first version of ONNX with bitwise operations, which the noise is made of.
_OPSET = 18


class ConversionError(ValueError):
    """Says what ONNX has not, or what ONNX Runtime said of the file."""


def to_onnx(endpoint: Endpoint, name: str) -> bytes:
    """Converts an endpoint, and runs it in ONNX Runtime where that is installed.

    Args:
        endpoint: What to convert.
        name: What an error calls it.

    Returns:
        The content of an ONNX file, whose inputs and outputs have the endpoint's names.

    Raises:
        ConversionError: If ONNX, tf2onnx or ONNX Runtime lacks an operation of it.
        ValueError: If an input and an output share a name, or it draws random numbers
            that its inputs do not determine.
        ImportError: If tf2onnx is missing.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ImportError(
            "Export to ONNX needs tf2onnx: pip install 'keras_concrete[serving]'"
        ) from error
    if not endpoint.of_rows:
        # ONNX Runtime reshapes no tensor without elements, so none may arise.
        endpoint = for_any_batch(endpoint)
    function = traced(endpoint, name)
    _check_names(function, endpoint, name)
    with _quiet("tf2onnx"):
        try:
            model, _ = tf2onnx.convert.from_function(
                function,
                list(endpoint.inputs),
                opset=_OPSET,
                custom_op_handlers=handlers(),
            )
            _with_constants(model, function)
            onnx.checker.check_model(model)
        except Exception as error:  # tf2onnx raises whatever it stumbles on.
            raise ConversionError(f"{error} {_opaque_nodes(function)}") from error
    content = model.SerializeToString()
    _check_by_running(content, endpoint)
    return content


def _check_names(
    function: tf.types.experimental.PolymorphicFunction, endpoint: Endpoint, name: str
) -> None:
    outputs = function.get_concrete_function().structured_outputs
    both = sorted({spec.name for spec in endpoint.inputs}.intersection(outputs))
    if both:
        raise ValueError(
            f"An input and an output of the endpoint `{name}` are both named "
            f"{', '.join(map(repr, both))}, and ONNX has one tensor of a name: return a "
            "dict with another key, or rename the layer."
        )


def _with_constants(
    model: Any, function: tf.types.experimental.PolymorphicFunction
) -> None:
    """Gives the file the tensors that a function holds, which tf2onnx makes inputs."""
    from onnx import numpy_helper

    captures = function.get_concrete_function().graph.captures
    values = {inner.name: outer for outer, inner in captures}
    inputs = list(model.graph.input)
    for value in inputs:
        if value.name in values:
            model.graph.input.remove(value)
            constant = numpy_helper.from_array(values[value.name].numpy(), value.name)
            model.graph.initializer.append(constant)


def _opaque_nodes(function: tf.types.experimental.PolymorphicFunction) -> str:
    """Names of the nodes that hold graphs of their own, the likely cause of a failure."""
    nodes = nodes_of(function.get_concrete_function())
    return " ".join(n.name for n in nodes if n.op.endswith(("While", "PartitionedCall")))


def _check_by_running(content: bytes, endpoint: Endpoint) -> None:
    if importlib.util.find_spec("onnxruntime") is None:
        return
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # What it says is in the exception.
    free = any(None in spec.shape[1:] for spec in endpoint.inputs)
    try:
        session = onnxruntime.InferenceSession(content, options)
        # Sizes of our choosing, where other dimensions are free, may be too small.
        for batch_size in () if free else (0, 2):
            inputs = endpoint.example(batch_size)
            session.run(None, {key: np.asarray(v) for key, v in inputs.items()})
    except Exception as error:  # Its exceptions have no common base.
        raise ConversionError(str(error)) from error


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
