"""Shrunk models: the outputs of the large ones, with what closed gates held gone."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

L = keras.layers
GENERATOR = np.random.default_rng(0)


def gate(size, closed, **kwargs):
    """Gates of which some are closed, and others are not wholly open."""
    logits = GENERATOR.choice([9.0, 0.5, 1.0], size)
    logits[list(closed)] = -9.0
    start = keras.initializers.Constant(logits.tolist())
    return kc.HardConcrete(logits_initializer=start, **kwargs)


def with_random_weights(model):
    for layer in model.layers:
        if not isinstance(layer, kc.HardConcrete):
            layer.set_weights(
                [
                    GENERATOR.uniform(0.2, 1, w.shape) - 0.5 * (w.ndim > 1)
                    for w in layer.get_weights()
                ]
            )
    return model


def dense_layers():
    return keras.Sequential(
        [
            keras.Input((7,), name="x"),
            L.Dense(8, use_bias=False),
            L.BatchNormalization(),
            L.Activation("relu"),
            L.Dropout(0.5),
            gate(8, [0, 3, 4], name="first"),
            L.Dense(6, "tanh"),
            gate(6, [5]),
            L.Activation("sigmoid"),
            L.BatchNormalization(),
            L.Dense(3, "softmax", use_bias=False),
        ]
    )  # 5, 5 and 3 units.


def convolutions():
    x = keras.Input((8, 8, 2), name="x")
    y = L.Conv2D(5, 3, padding="same")(x)
    y = L.ReLU()(gate(5, [1])(L.BatchNormalization()(y)))
    y = L.MaxPooling2D()(y)
    y = L.Conv2D(6, 3, padding="same", activation="elu")(y)
    y = L.SpatialDropout2D(0.3)(gate(6, [0, 1, 2])(y))
    y = L.AveragePooling2D(2, padding="same")(y)
    y = L.Conv2D(4, 2, activation="leaky_relu")(y)
    y = gate(4, [3])(y)
    y = L.BatchNormalization()(y)
    y = L.Dense(5)(L.Flatten()(y))
    return keras.Model(x, y)  # 4, 3, 3 and 5 units.


def branches():
    x, extra = keras.Input((9, 3), name="x"), keras.Input((2,), name="extra")
    y = gate(6, [2, 4])(L.Conv1D(6, 3, activation="relu")(x))
    left = L.Dense(3)(L.GlobalAveragePooling1D()(y))
    right = L.Dense(2)(L.GlobalMaxPooling1D()(L.Conv1D(4, 2)(y)))
    both = L.Concatenate()([left, right, L.LayerNormalization()(extra)]) * 2.0
    return keras.Model({"x": x, "extra": extra}, {"both": both, "left": left})


MODELS = {
    "dense": (dense_layers, [5, 5, 3]),
    "convolutions": (convolutions, [4, 3, 3, 5]),
    "branches": (branches, [4, 3, 4, 2]),
}


def data(model):
    shapes = {x.name: x.shape[1:] for x in model.inputs}
    x = {name: GENERATOR.normal(size=(32, *shape)) for name, shape in shapes.items()}
    return x if len(x) > 1 else x["x"]


@pytest.mark.parametrize("name", MODELS)
def test_the_outputs_are_equal_and_what_was_closed_is_gone(name, tmp_path):
    make, sizes = MODELS[name]
    model = with_random_weights(make())
    before = [np.array(w) for w in model.weights]
    smaller = kc.shrink(model)
    made = [
        getattr(layer, "units", None) or getattr(layer, "filters", None)
        for layer in smaller.layers
    ]
    assert sorted(size for size in made if size) == sorted(sizes)
    smaller.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = data(model)
    expected = model(x)
    for other in (smaller, again):
        outputs = other(x)
        keras.tree.map_structure(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5),
            *(outputs, expected),
        )
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    for layer in smaller.layers:
        assert type(layer).__module__.startswith("keras."), layer


def test_a_shrunk_model_trains_in_mixed_precision_and_is_named_as_before():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = with_random_weights(dense_layers())
    smaller = kc.shrink(model)
    assert smaller.name == model.name and smaller.input_shape == (None, 7)
    x = data(model)
    np.testing.assert_allclose(np.float32(smaller(x)), np.float32(model(x)), atol=0.03)
    smaller.compile("adam", "mse")
    smaller.fit(x, np.zeros((32, 3)), verbose=0)
    assert smaller.get_layer("first").compute_dtype == "bfloat16"


def test_open_gates_leave_nothing_and_a_model_without_gates_is_copied():
    start = keras.initializers.Constant(9.0)
    plain = [L.Dense(3, name="a"), L.Dense(2, name="b")]
    gated = keras.Sequential(
        [keras.Input((4,)), plain[0], kc.HardConcrete(logits_initializer=start), plain[1]]
    )
    for model in (gated, keras.Sequential([keras.Input((4,)), *plain])):
        smaller = kc.shrink(model)
        assert [layer.name for layer in smaller.layers[1:]] == ["a", "b"]
        assert not {*map(id, smaller.layers)} & {*map(id, model.layers)}
        x = GENERATOR.normal(size=(5, 4))
        np.testing.assert_array_equal(smaller(x), model(x))


def test_a_sequential_model_that_was_called_on_data_takes_other_batches():
    model = keras.Sequential([L.Dense(3), gate(3, [1]), L.Dense(2)])
    rows = GENERATOR.normal(size=(7, 4)).astype("float32")
    model(rows[:5])
    smaller = kc.shrink(model)
    assert smaller.input_shape == (None, 4)
    np.testing.assert_allclose(smaller(rows), model(rows), rtol=1e-5, atol=1e-6)


def test_layers_that_are_called_twice_are_kept_whole_and_gates_are_not_followed():
    x = keras.Input((4,))
    twice = L.Dense(4, name="twice")
    open_gates = gate(4, [], name="open")
    model = keras.Model(x, L.Dense(1)(open_gates(twice(twice(x)))))
    smaller = kc.shrink(model)
    x_values = GENERATOR.normal(size=(5, 4))
    np.testing.assert_allclose(*(m(x_values) for m in (smaller, model)), rtol=1e-5)
    closed = gate(4, [1], name="closed")
    model = keras.Model(x, L.Dense(1)(closed(twice(twice(x)))))
    with pytest.raises(ValueError, match="'twice', a Dense, makes them"):
        kc.shrink(model)
    hidden = L.Dense(4)(x)
    model = keras.Model(x, L.Dense(1)(closed(closed(hidden))))
    with pytest.raises(
        ValueError, match="'closed', which the model calls more than once"
    ):
        kc.shrink(model)


def test_a_reader_beside_the_gates_is_named():
    x = keras.Input((4,))
    hidden = L.Dense(4)(x)
    gated = L.Dense(2)(gate(4, [1], name="gate")(hidden))
    model = keras.Model(x, [gated, L.Dense(2, name="beside")(hidden)])
    with pytest.raises(ValueError, match="'beside', a Dense, reads them ungated"):
        kc.shrink(model)


def test_gates_between_0_and_1_are_refused_where_rescaling_takes_other_channels():
    model = keras.Sequential(
        [keras.Input((3,)), L.Dense(3), kc.HardConcrete(), L.Dense(1)]
    )
    keras.config.set_image_data_format("channels_first")
    with pytest.raises(ValueError, match="set_image_data_format"):
        kc.shrink(model)


def test_initializers_of_the_old_sizes_are_no_hindrance():
    start = keras.initializers.Constant([1.0, 2.0, 3.0, 4.0])
    model = keras.Sequential(
        [
            keras.Input((3,)),
            L.Dense(4, bias_initializer=start),
            L.BatchNormalization(beta_initializer=start),
            gate(4, [1, 2]),
            L.Dense(1),
        ]
    )
    x = GENERATOR.normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(kc.shrink(model)(x), model(x), atol=1e-6)


def test_clones_of_a_smaller_model_start_as_those_of_the_large_one_would():
    start = keras.initializers.Constant([9.0, -9.0])
    layers = [L.Dense(2), kc.HardConcrete(logits_initializer=start), L.Dense(3)]
    smaller = kc.shrink(keras.Sequential([keras.Input((3,)), *layers]))
    clone = keras.models.clone_model(smaller)
    for layer in clone.layers[1:]:
        kernel, bias = layer.get_weights()
        assert np.all(kernel != 0)
        assert np.all(bias == 0)


def test_an_activation_is_known_by_itself_and_not_by_its_name():
    def relu(x):
        return keras.ops.softmax(x)

    model = keras.Sequential(
        [keras.Input((3,)), L.Dense(4, relu, name="own"), gate(4, [1]), L.Dense(2)]
    )
    with pytest.raises(ValueError, match="'own', a Dense, makes them, with an"):
        kc.shrink(model)


def test_a_layer_that_reads_a_mask_too_keeps_its_channels():
    x, mask = keras.Input((5, 4)), keras.Input((5,), dtype="bool")
    hidden = L.BatchNormalization(name="normal")(L.Dense(4)(x), mask=mask)
    model = keras.Model([x, mask], L.Dense(2)(gate(4, [1])(hidden)))
    with pytest.raises(ValueError, match="'normal', a BatchNormalization, makes them"):
        kc.shrink(model)
