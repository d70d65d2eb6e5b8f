"""Models as ONNX, a file for each endpoint."""

import os
import re
import warnings
from pathlib import Path

import keras

from keras_concrete.serving.endpoints import NAMES, endpoints
from keras_concrete.serving.folders import written_whole
from keras_concrete.serving.onnx_conversion import ConversionError, to_onnx
from keras_concrete.sublayers import all_layers

__all__ = ["export_onnx"]


def export_onnx(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model as ONNX, a file `NAME.onnx` for each endpoint.

    The endpoints, with their inputs and outputs, are those of `export_saved_model`. The
    noise is integer arithmetic, so equal seeds give the same codes in TensorFlow,
    ONNX Runtime and OpenVINO, but for a logit that lies within rounding of 0. ONNX has no
    assertions: the bound by fewer than 1 sample is NaN.
    It needs the extra `serving`: `pip install 'keras_concrete[serving]'`.

    Where ONNX Runtime is installed each file has been loaded by it, and has answered
    batches of 0 and of 2 rows, before anything is written. An endpoint that ONNX cannot
    express is left out with a warning, and its file of an earlier export is removed;
    without the first endpoint, `encode` or `predict`, nothing is written.

    Keras's own `model.export(path, format="onnx")` would freeze the noise, and OpenVINO
    would read it wrongly: no runtime loads what they make of a layer that draws.

    Args:
        model: A `LatentVariableModel`, or a built functional or Sequential model.
        path: Folder to write.

    Raises:
        ValueError: As `export_saved_model`; or if an input and an output share a name, a
            layer computes in bfloat16, or the first endpoint has an operation that ONNX
            has not, such as a loop or a grouped convolution.
        OSError: If the folder cannot be made, or the disk is full: it is then left as
            it was.
        ImportError: If tf2onnx is missing.

    Example:
    >>> import os, tempfile
    >>> model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(model, folder)  # doctest: +SKIP
    ...     os.listdir(folder)  # doctest: +SKIP
    ['predict_rows.onnx', 'predict.onnx']
    """
    found = endpoints(model)
    _check_dtypes(model)
    contents: dict[str, bytes] = {}
    for name, endpoint in found.items():
        try:
            contents[name] = to_onnx(endpoint, name)
        except ConversionError as error:
            problem = (
                f"The endpoint `{name}` cannot be written as ONNX, because of "
                f"{_culprit(str(error), model)}: {_first_sentence(str(error))}"
            )
            if not contents:
                raise ValueError(
                    f"{problem} Export a SavedModel, or change the layer."
                ) from error
            warnings.warn(f"{problem} It is left out.", stacklevel=2)
    with written_whole(Path(path), [f"{name}.onnx" for name in NAMES]) as partial:
        for name, content in contents.items():
            (partial / f"{name}.onnx").write_bytes(content)


def _check_dtypes(model: keras.Model) -> None:
    for layer in all_layers(model):
        if layer.compute_dtype == "bfloat16":
            raise ValueError(
                "ONNX runtimes do not compute in bfloat16: load the weights into a model "
                "of dtype float32 and export that. "
                f"Received: the layer `{layer.name}` of {layer.dtype_policy.name}"
            )


def _culprit(error: str, model: keras.Model) -> str:
    """The innermost layer that an error names by the path of a node."""
    names = {layer.name for layer in all_layers(model)}
    for path in re.findall(r"[\w.>-]+(?:/[\w.>-]+)+", error):
        for part in reversed(path.split("/")):
            # A layer that is called again has a number after its name.
            for name in (part, re.sub(r"_\d+$", "", part)):
                if name in names:
                    return f"the layer `{name}`"
    return "one of its layers"


def _first_sentence(error: str) -> str:
    line = error.strip().splitlines()[0]
    return line if len(line) <= 300 else f"{line[:300]}..."
