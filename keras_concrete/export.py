"""Models as TensorFlow SavedModels, to serve without this package."""

import os
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_concrete import noise
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.seeding import fixed_noise
from keras_concrete.types import Tensor

__all__ = ["export_saved_model"]

# Samples of an image scored at a time by `log_likelihood`.
_CHUNK = 100

_SEED = tf.TensorSpec((), tf.int32, name="seed")
_NUM_SAMPLES = tf.TensorSpec((), tf.int32, name="num_samples")


def export_saved_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model as a SavedModel with named endpoints.

    All endpoints run the discrete graph. Nothing is random without a seed input: equal
    seeds give equal answers, and replicas of a server never repeat one another by
    accident. The batch size is free; the first rows of a larger batch have the noise of
    a smaller one.

    A functional or Sequential model of yours has one endpoint, `predict`, which is
    `serving_default`: its inputs by their names, and `seed`; its outputs by their keys,
    or by the names of their layers. A belief network has four, `serving_default` being
    `encode`:

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

    Args:
        model: A belief network, or a built functional or Sequential model.
        path: Folder to write.

    Raises:
        ValueError: If `model` is none of these, has no inputs yet, or has an input named
            `seed`.

    Example:
    >>> import tempfile
    >>> model = SigmoidBeliefNetwork("3H~4V", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_saved_model(model, folder)
    ...     served = tf.saved_model.load(folder)
    >>> served.sample(num_samples=2, seed=0)["probabilities"].shape
    TensorShape([2, 4])
    """
    if not getattr(model, "inputs", None):
        raise ValueError(
            "Argument `model` must be a SigmoidBeliefNetwork, or a functional or "
            "Sequential model whose inputs are known: call it on data first. "
            f"Received: a {type(model).__name__} without inputs"
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    if not isinstance(model, SigmoidBeliefNetwork):
        _add_predict(archive, model)
    else:
        _add_codes(archive, model)
        add = _add_conditional if model.is_conditional else _add_unconditional
        add(archive, model)
    archive.write_out(os.fspath(path), verbose=False)


def _add_predict(archive: keras.export.ExportArchive, model: keras.Model) -> None:
    is_sequential = isinstance(model, keras.Sequential)
    structure = model.inputs[0] if is_sequential else model.input
    names = [tensor.name for tensor in model.inputs]
    output_names = [model.layers[-1].name] if is_sequential else model.output_names
    if "seed" in names:
        raise ValueError("`seed` is an input of the endpoint: rename the model's own.")

    def predict(*arguments: Tensor) -> dict[str, Tensor]:
        *inputs, seed = arguments
        with fixed_noise(model, seed):
            outputs = model(keras.tree.pack_sequence_as(structure, inputs))
        if isinstance(outputs, dict):
            return outputs
        return dict(zip(output_names, keras.tree.flatten(outputs), strict=True))

    specs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in zip(names, model.inputs, strict=True)
    ]
    archive.add_endpoint("predict", predict, input_signature=[*specs, _SEED])


def _add_codes(archive: keras.export.ExportArchive, model: SigmoidBeliefNetwork) -> None:
    # Keras takes the names of inputs from the arguments, those of outputs from the keys.
    def encode(x: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return model.encode(x, seed)

    def decode(codes: Tensor) -> dict[str, Tensor]:
        return model.decode(codes)

    archive.add_endpoint("encode", encode, input_signature=[_rows("x", model), _SEED])
    codes = tf.TensorSpec((None, model.code_units), tf.float32, name="codes")
    archive.add_endpoint("decode", decode, input_signature=[codes])


def _add_unconditional(
    archive: keras.export.ExportArchive, model: SigmoidBeliefNetwork
) -> None:
    def sample(num_samples: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return model.sample(num_samples, seed)

    def log_likelihood(x: Tensor, num_samples: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return {"bound": _streamed_bound(model, x, num_samples, seed)}

    draw = [_NUM_SAMPLES, _SEED]
    archive.add_endpoint("sample", sample, input_signature=draw)
    archive.add_endpoint(
        "log_likelihood", log_likelihood, input_signature=[_rows("x", model), *draw]
    )


def _add_conditional(
    archive: keras.export.ExportArchive, model: SigmoidBeliefNetwork
) -> None:
    def sample(x: Tensor, num_samples: Tensor, seed: Tensor) -> dict[str, Tensor]:
        return model.sample(num_samples, seed, context=x)

    def log_likelihood(
        x: Tensor, y: Tensor, num_samples: Tensor, seed: Tensor
    ) -> dict[str, Tensor]:
        return {"bound": _streamed_bound(model, (x, y), num_samples, seed)}

    x, draw = _rows("x", model), [_NUM_SAMPLES, _SEED]
    y = tf.TensorSpec((None, model.visible_units), tf.float32, name="y")
    archive.add_endpoint("sample", sample, input_signature=[x, *draw])
    archive.add_endpoint("log_likelihood", log_likelihood, input_signature=[x, y, *draw])


def _rows(name: str, model: SigmoidBeliefNetwork) -> tf.TensorSpec:
    return tf.TensorSpec((None, model.input_shape[-1]), tf.float32, name=name)


def _streamed_bound(
    model: SigmoidBeliefNetwork, x: Any, num_samples: Tensor, seed: Tensor
) -> Tensor:
    """The bound by a number of samples known at run time, in constant memory."""
    key = noise.key_from_seed(seed)
    chunk = tf.minimum(num_samples, _CHUNK)
    num_chunks = (num_samples + chunk - 1) // chunk

    def add_chunk(index: Tensor, log_sum: Tensor) -> tuple[Tensor, Tensor]:
        log_weights = model.log_weights(x, chunk, seed=noise.fold_in(key, index))
        surplus = index * chunk + tf.range(chunk) >= num_samples
        log_weights = tf.where(surplus, -float("inf"), log_weights)
        return index + 1, ops.logaddexp(log_sum, ops.logsumexp(log_weights, axis=1))

    rows = keras.tree.flatten(x)[0]
    start = tf.fill(tf.shape(rows)[:1], -float("inf"))
    _, log_sum = tf.while_loop(
        lambda index, _: index < num_chunks, add_chunk, (tf.constant(0), start)
    )
    return log_sum - tf.math.log(tf.cast(num_samples, tf.float32))
