"""The contract that every layer of the package keeps."""

import inspect
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

import keras_concrete as kc
from keras_concrete.programs import compiled

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def check_layer(make, *input_shapes):
    """Checks config, symbolic spec, modes, seeds, masks, saving and XLA of one layer.

    `make(**kwargs)` makes the layer; `input_shapes` are shapes without the batch.
    """
    check_config(make)
    for policy in POLICIES:
        check_spec(make, input_shapes, policy)
    check_empty(make, input_shapes)
    check_compiled(make, input_shapes)
    check_modes_and_seeds(make, input_shapes)
    check_masks(make, input_shapes)
    check_saving(make, input_shapes)


def check_config(make):
    layer = make(name="checked")
    revived = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(revived) is type(layer)
    assert revived.get_config() == layer.get_config()
    assert keras.saving.get_registered_name(type(layer)).startswith("keras_concrete>")


def check_spec(make, input_shapes, policy):
    """Shapes and dtypes that a functional model announces are those that come out."""
    layer = make(dtype=policy)
    arrays = _inputs(make, input_shapes, layer.compute_dtype)
    symbolic = _flat(layer(*_symbols(arrays)))
    for mode in (False, True):
        outputs = _flat(_call(layer, arrays, mode))
        assert len(outputs) == len(symbolic)
        for output, symbol in zip(outputs, symbolic, strict=True):
            assert symbol.dtype == keras.backend.standardize_dtype(output.dtype)
            assert tuple(symbol.shape)[1:] == tuple(output.shape)[1:]
            assert np.all(np.isfinite(keras.ops.convert_to_numpy(output)))


def check_empty(make, input_shapes):
    """A batch of no examples is none, and adds no loss."""
    layer, arrays = make(), _inputs(make, input_shapes, "float32")
    full = _flat(layer(*arrays))
    for mode in (False, True):
        outputs = _flat(_call(layer, [array[:0] for array in arrays], mode))
        for output, other in zip(outputs, full, strict=True):
            assert output.shape == (0, *other.shape[1:])
        assert all(np.isfinite(loss) for loss in layer.losses)
    for weight in layer.weights:
        assert np.all(np.isfinite(weight))


def check_compiled(make, input_shapes):
    """Eagerly, in a graph and under XLA, one seed gives the same numbers."""
    arrays = _inputs(make, input_shapes, "float32")
    results = []
    for options in (None, {}, {"jit_compile": True}):
        layers = [make() for _ in range(2)]
        for layer in layers:
            layer.build(*[a.shape for a in arrays])

        def call(*xs, layers=layers):
            pairs = zip(layers, (False, True), strict=True)
            return [out for layer, mode in pairs for out in _flat(_call(layer, xs, mode))]

        if options is not None:
            both = keras.Sequential(layers)
            call = compiled(call, lambda both=both: both, **options)
        results.append(call(*arrays))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def check_modes_and_seeds(make, input_shapes):
    """Without a word a call is discrete; noise is a function of seed and call."""
    arrays = _inputs(make, input_shapes, "float32")
    layer, twin = make(), make()
    first = _flat(layer(*arrays))
    _equal(first, _flat(_call(twin, arrays, training=False)))
    if hasattr(layer, "seed_generator"):
        for mode in (False, True):
            a, b = (_flat(_call(x, arrays, mode)) for x in (layer, twin))
            _equal(a, b)
            has_noise = mode or getattr(layer, "inference", "mode") == "sample"
            again, _ = (_flat(_call(x, arrays, mode)) for x in (layer, twin))
            assert np.array_equal(again[0], a[0]) != has_noise


def check_masks(make, input_shapes):
    """A mask is passed on where it still fits, or Keras says that it is lost."""
    layer, symbols = make(), _symbols(_inputs(make, input_shapes, "float32"))
    if len(symbols[0].shape) < 3:
        return
    mask = keras.KerasTensor(symbols[0].shape[:2], "bool")
    symbols[0]._keras_mask = mask
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outputs = _flat(layer(*symbols))
    lost = [str(w.message) for w in caught if "destroy the mask" in str(w.message)]
    assert len(lost) == (not layer.supports_masking)
    for output in outputs:
        fits = output.shape[:2] == mask.shape
        kept = getattr(output, "_keras_mask", None) is mask
        assert kept == (layer.supports_masking and fits)


def _equal(outputs, others):
    for a, b in zip(outputs, others, strict=True):
        np.testing.assert_array_equal(a, b)


def check_saving(make, input_shapes):
    """A saved model goes on drawing where it stood."""
    arrays = _inputs(make, input_shapes, "float32")
    symbols = _symbols(arrays)
    outputs = make()(*symbols)
    model = keras.Model(symbols, outputs)
    model(arrays)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        revived = keras.models.load_model(file)
    for a, b in zip(_flat(model(arrays)), _flat(revived(arrays)), strict=True):
        np.testing.assert_array_equal(a, b)


def _inputs(make, shapes, dtype):
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(4, *shape)) for shape in shapes]
    if isinstance(make(), kc.BernoulliLogLikelihood):  # Of data, in [0, 1].
        arrays[0] = (arrays[0] > 0).astype("float32")
    arrays = [keras.ops.cast(array, dtype) for array in arrays]
    if isinstance(make(), kc.StateMask):  # All can be, so that all is finite.
        arrays[1] = keras.ops.ones(arrays[1].shape, "bool")
    return arrays


def _symbols(arrays):
    return [keras.Input(array.shape[1:], dtype=array.dtype) for array in arrays]


def _call(layer, inputs, training):
    if "training" in inspect.signature(layer.call).parameters:
        return layer(*inputs, training=training)
    return layer(*inputs)


def _flat(outputs):
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
