"""Models as TensorFlow SavedModels and as ONNX, to serve without this package."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_concrete.checks import check_positive
from keras_concrete.files import make_folder
from keras_concrete.serving.endpoints import Endpoint, endpoints

__all__ = ["export_onnx", "export_saved_model"]

# Operations by which a graph draws or keeps what no input of it determines.
_STATEFUL = (
    *("Random", "Assign", "Multinomial", "TruncatedNormal", "Parameterized"),
    # Those of tf.random.Generator.
    *("Rng", "StatefulRandom", "StatefulUniform"),
    *("StatefulStandardNormal", "StatefulTruncatedNormal"),
)
# What Keras calls the state of a generator. Those of the model's layers are replaced.
_GENERATOR = "seed_generator_state"

# The first version of ONNX with bitwise operations, which the noise is made of.
_OPSET = 18


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    jit_compile: bool = False,
    warmup_batch_sizes: Sequence[int] = (),
) -> None:
    """Writes a model as a SavedModel with named endpoints.

    All endpoints run the discrete graph. Nothing is random without a seed input: equal
    seeds give equal answers, and replicas of a server never repeat one another by
    accident. The batch size is free; the first rows of a larger batch have the noise of
    a smaller one.

    A functional or Sequential model of yours has the endpoint `predict`, which is
    `serving_default`: its inputs by their names, and `seed`; its outputs by their keys,
    or by the names of their layers, numbered where a layer has several. A belief network
    has four, `serving_default` being `encode`:

    | endpoint | inputs | outputs |
    |---|---|---|
    | `encode` | `x`, `seed` | `codes_i`, `probabilities_i` of each latent layer i |
    | `decode` | `codes` of layer 1 | `probabilities` of the pixels |
    | `sample` | `num_samples`, `seed` | `probabilities`, `codes` of layer 1 |
    | `log_likelihood` | `x`, `num_samples`, `seed` | `bound` of each image, in nats |

    Layer 1 is the latent layer next to the image. `x` and `codes` are float32 with the
    batch first, `seed` and `num_samples` are int32 scalars. For a conditional network `x`
    is the context; `sample` takes it too, and returns `num_samples` images for each;
    `log_likelihood` takes `x` and the image `y`.

    `encode_rows` and `predict_rows` take `seeds`, one for each row, in the place of
    `seed`: the answer to a row is that of `encode` or `predict` to this row alone with
    this seed. So a server may put requests together into batches as it likes.

    Args:
        model: A belief network, or a built functional or Sequential model.
        path: Folder to write.
        jit_compile: Whether XLA compiles the endpoints, anew for each batch size and
            number of samples that it meets.
        warmup_batch_sizes: Batch sizes of requests, with zeros as inputs, that
            TensorFlow Serving sends to every endpoint when it loads the model. They need
            the extra `serving`.

    Raises:
        ValueError: If `model` is none of these, has no inputs yet, has an input named
            `seed` or `seeds`, or draws random numbers that `seed` does not determine.
        OSError: If the folder cannot be made, or the disk is full: it is then left as
            it was.
        ImportError: If there are batch sizes and tensorflow-serving-api is missing.

    Example:
    >>> import tempfile
    >>> import keras_concrete as kc
    >>> model = kc.SigmoidBeliefNetwork("3H~4V", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_saved_model(model, folder)
    ...     served = tf.saved_model.load(folder)
    >>> served.sample(num_samples=2, seed=0)["probabilities"].shape
    TensorShape([2, 4])
    """
    for size in warmup_batch_sizes:
        check_positive("warmup_batch_sizes", size, int)
    found = endpoints(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, endpoint in found.items():
        function = _traced(endpoint, name, jit_compile)
        archive.add_endpoint(name, function, input_signature=list(endpoint.inputs))
    with _written_whole(Path(path)) as partial:
        archive.write_out(os.fspath(partial), verbose=False)
        if warmup_batch_sizes:
            _write_warmup(partial, found, warmup_batch_sizes)


def export_onnx(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model as ONNX, a file `NAME.onnx` for each endpoint.

    The endpoints, with their inputs and outputs, are those of `export_saved_model`. The
    noise is integer arithmetic, so equal seeds give the same codes in TensorFlow,
    ONNX Runtime and OpenVINO, but for a logit that lies within rounding of 0.
    It needs the extra `serving`: `pip install 'keras_concrete[serving]'`.

    Args:
        model: A belief network, or a built functional or Sequential model.
        path: Folder to write.

    Raises:
        ValueError: As `export_saved_model`; or if the model has operations that ONNX
            has not, such as TensorFlow's random ones in a layer of yours.
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
    from keras_concrete.serving.onnx import to_onnx

    contents = {
        name: to_onnx(_traced(endpoint, name), endpoint.inputs, name, _OPSET)
        for name, endpoint in endpoints(model).items()
    }
    with _written_whole(Path(path)) as partial:
        for name, content in contents.items():
            (partial / f"{name}.onnx").write_bytes(content)


@contextlib.contextmanager
def _written_whole(folder: Path) -> Iterator[Path]:
    """A folder to write to, whose contents move to another's once all are written."""
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix="partial-", dir=folder) as name:
        try:
            yield Path(name)
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or str(error).rpartition("; ")[2]
            raise OSError(
                f"The model cannot be written to {folder} ({reason}), which is as it "
                "was. Free the disk, or name a folder on another."
            ) from error
        # Files last: a SavedModel is one once it has its saved_model.pb.
        for path in sorted(Path(name).iterdir(), key=lambda p: (p.is_file(), p.name)):
            if path.is_dir() and (folder / path.name).exists():
                shutil.rmtree(folder / path.name)
            os.replace(path, folder / path.name)


def _traced(
    endpoint: Endpoint, name: str, jit_compile: bool = False
) -> tf.types.experimental.PolymorphicFunction:
    function = tf.function(
        endpoint.function,
        input_signature=endpoint.inputs,
        autograph=False,
        jit_compile=jit_compile or None,
    )
    graph = function.get_concrete_function().graph
    nodes = [*graph.as_graph_def().node]
    nodes += [n for f in graph.as_graph_def().library.function for n in f.node_def]
    stateful = sorted({n.op for n in nodes if n.op.startswith(_STATEFUL)})
    stateful += [v.name for v in graph.variables if _GENERATOR in v.name]
    if stateful:
        raise ValueError(
            f"The endpoint `{name}` draws random numbers, or keeps values from one "
            "request to the next, that its inputs do not determine. Give every layer "
            "that draws a keras.random.SeedGenerator of its own, as an attribute. "
            f"Received: a model that uses {', '.join(stateful)}"
        )
    return function


def _write_warmup(
    path: Path, found: dict[str, Endpoint], batch_sizes: Sequence[int]
) -> None:
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
    file = path / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(os.fspath(file)) as writer:
        for name, endpoint in found.items():
            for size in batch_sizes:
                request = predict_pb2.PredictRequest(
                    model_spec=model_pb2.ModelSpec(name="model", signature_name=name),
                    inputs={
                        spec.name: tf.make_tensor_proto(_example(spec, size))
                        for spec in endpoint.inputs
                    },
                )
                log = prediction_log_pb2.PredictionLog(
                    predict_log=prediction_log_pb2.PredictLog(request=request)
                )
                writer.write(log.SerializeToString())


def _example(spec: tf.TensorSpec, batch_size: int) -> tf.Tensor:
    if spec.name == "num_samples":
        return tf.constant(batch_size)
    shape = [size or (batch_size if i == 0 else 1) for i, size in enumerate(spec.shape)]
    return tf.zeros(shape, spec.dtype)
