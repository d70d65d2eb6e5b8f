"""The contract that every layer of the package keeps."""

import warnings

import keras
import numpy as np

import keras_concrete as kc
from keras_concrete.programs import compiled

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def check_layer(make, *input_shapes, training=(False, True)):
    """Checks config, symbolic spec, modes, seeds, masks, saving and XLA of one layer.

    `make(**kwargs)` makes the layer; `input_shapes` are shapes without the batch.
    """
    check_config(make)
    for policy in POLICIES:
        check_spec(make, input_shapes, policy, training)
    check_compiled(make, input_shapes, training)
    check_modes_and_seeds(make, input_shapes)
    check_masks(make, input_shapes)
    check_saving(make, input_shapes)


def check_config(make):
    layer = make(name="checked")
    revived = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(revived) is type(layer)
    assert revived.get_config() == layer.get_config()
    assert keras.saving.get_registered_name(type(layer)).startswith("keras_concrete>")


def check_spec(make, input_shapes, policy, training):
    """Shapes and dtypes that a functional model announces are those that come out."""
    layer = make(dtype=policy)
    arrays = _inputs(make, input_shapes, layer.compute_dtype)
    symbolic = _flat(layer(*_symbols(arrays)))
    for mode in training:
        outputs = _flat(_call(layer, arrays, mode))
        assert len(outputs) == len(symbolic)
        for output, symbol in zip(outputs, symbolic, strict=True):
            assert symbol.dtype == keras.backend.standardize_dtype(output.dtype)
            assert tuple(symbol.shape)[1:] == tuple(output.shape)[1:]
            assert np.all(np.isfinite(keras.ops.convert_to_numpy(output)))


def check_compiled(make, input_shapes, training):
    """Eagerly, in a graph and under XLA, one seed gives the same numbers."""
    arrays = _inputs(make, input_shapes, "float32")
    for mode in training:
        results = []
        for options in (None, {}, {"jit_compile": True}):
            layer = make()
            layer.build(*[a.shape for a in arrays])

            def call(*xs, layer=layer, mode=mode):
                return _call(layer, xs, mode)

            if options is not None:
                call = compiled(call, lambda layer=layer: layer, **options)
            results.append(_flat(call(*arrays)))
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


def check_saving(make, input_shapes, path=None):
    """A saved model goes on drawing where it stood."""
    import tempfile
    from pathlib import Path

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
    if "training" in type(layer).call.__code__.co_varnames:
        return layer(*inputs, training=training)
    return layer(*inputs)


def _flat(outputs):
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
