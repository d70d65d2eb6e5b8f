"""Models as TensorFlow SavedModels, which a server runs without this package."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_concrete.checks import check_positive
from keras_concrete.serving.endpoints import endpoints
from keras_concrete.serving.folders import written_whole
from keras_concrete.serving.traced import traced
from keras_concrete.serving.warmup import WARMUP_FILE, write_warmup

__all__ = ["export_saved_model"]


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
    or by the names of their layers, numbered where a layer has several. A latent
    variable model, such as a belief network, has five, `serving_default` being `encode`:

    | endpoint | inputs | outputs |
    |---|---|---|
    | `encode` | `x`, `seed` | `codes_i`, `probabilities_i` of each latent layer i |
    | `encode_rows` | `x`, `seeds` | those of `encode` |
    | `decode` | `codes` of layer 1 | `probabilities` of the pixels |
    | `sample` | `num_images`, `seed` | `probabilities`, `codes` of layer 1 |
    | `log_likelihood` | `x`, `num_samples`, `seed` | `bound` of each image, in nats |

    Layer 1 is the latent layer next to the image. `x` and `codes` are float32 with the
    batch first; `seed`, `num_images` and `num_samples` (of the latent variables, for each
    image) are int32 scalars. For a conditional network `x` is the context; `sample` takes
    it too, and returns `num_images` images for each; `log_likelihood` takes `x` and the
    image `y`. Fewer than 1 sample, or than 0 images, are refused; under XLA, which leaves
    assertions out, the bound by fewer than 1 sample is NaN.

    `encode_rows` and `predict_rows` take `seeds`, one for each row, in the place of
    `seed`: the answer to a row is that of `encode` or `predict` to this row alone with
    this seed. So a server may put requests together into batches as it likes. They cost
    what `encode` and `predict` cost; but rows are answered one after the other, at many
    times the price of large batches, where a layer that is not of this package draws, or
    where a draw does not have the rows on its first axis. A layer that mixes the rows of
    a batch, or puts them into another order, does so here too.

    Inputs are not looked at. A row with NaN has NaN for its states, codes and bound, and
    never an ordinary answer; the other rows have theirs.

    What an earlier export wrote to the folder is replaced, its warm-up requests included.
    LiteRT takes the SavedModel (`tf.lite.TFLiteConverter.from_saved_model`) and draws the
    same bits. OpenVINO refuses it, since it would take the words of the noise as signed
    numbers and draw with other probabilities: give it what `export_onnx` writes.

    Args:
        model: A `LatentVariableModel`, or a built functional or Sequential model.
        path: Folder to write.
        jit_compile: Whether XLA compiles the endpoints, anew for each batch size and
            number of samples that it meets.
        warmup_batch_sizes: Batch sizes of requests, with zeros as inputs, that
            TensorFlow Serving sends to every endpoint when it loads the model. They need
            the extra `serving`.

    Raises:
        ValueError: If `model` is none of these, has no inputs yet, has inputs or outputs
            whose names cannot be served, such as an input `seed`, draws random numbers
            that `seed` does not determine, or calls Python; or if `warmup_batch_sizes`
            is no list of positive integers.
        OSError: If the folder cannot be made, or the disk is full: it is then left as
            it was.
        ImportError: If there are batch sizes and tensorflow-serving-api is missing.

    Example:
    >>> import tempfile
    >>> import tensorflow as tf
    >>> import keras_concrete as kc
    >>> model = kc.SigmoidBeliefNetwork("3H~4V", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_saved_model(model, folder)
    ...     served = tf.saved_model.load(folder)
    >>> served.sample(num_images=2, seed=0)["probabilities"].shape
    TensorShape([2, 4])
    """
    if not isinstance(warmup_batch_sizes, list | tuple):
        raise ValueError(
            "Argument `warmup_batch_sizes` must be a list of integers. Received: "
            f"warmup_batch_sizes={warmup_batch_sizes!r}"
        )
    for size in warmup_batch_sizes:
        check_positive("warmup_batch_sizes", size, int)
    found = endpoints(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, endpoint in found.items():
        function = traced(endpoint, name, jit_compile)
        archive.add_endpoint(name, function, input_signature=list(endpoint.inputs))
    with written_whole(Path(path), [WARMUP_FILE]) as partial:
        archive.write_out(os.fspath(partial), verbose=False)
        if warmup_batch_sizes:
            write_warmup(partial, found, warmup_batch_sizes)
