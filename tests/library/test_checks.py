"""Each check lets good arguments pass and answers bad ones by name."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_concrete import checks


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("vimko", "Received: x='vimko'. Did you mean 'vimco'?"),
        ("VIMCO", "Did you mean 'vimco'?"),
        ("something", r"must be one of 'vimco', 'nvil'. Received: x='something'.$"),
        (None, r"Received: x=None.$"),
    ],
)
def test_a_choice_that_there_is_not_is_answered_by_the_nearest(given, answer):
    with pytest.raises(ValueError, match=f"^Argument `x` .*{answer}".replace("?", r"\?")):
        checks.check_choice("x", given, iter(["vimco", "nvil"]))


def test_a_choice_that_there_is_passes():
    checks.check_choice("x", "nvil", iter(["vimco", "nvil"]))


@pytest.mark.parametrize("flag", [True, False, np.True_])
def test_true_and_false_are_flags(flag):
    checks.check_flag("x", flag)


@pytest.mark.parametrize("flag", [0, 1, "yes", None, np.ones(1)])
def test_nothing_else_is_a_flag(flag):
    with pytest.raises(ValueError, match=r"`x` must be True or False. Received: x="):
        checks.check_flag("x", flag)


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(1)])
def test_positive_integers_are_counts(value):
    checks.check_positive("x", value, int)
    checks.check_count("x", value)
    checks.check_count("x", tf.constant(value))


NO_COUNTS = [0, -1, 1.0, 2.5, np.float32(2), True, "3", None, float("inf")]


@pytest.mark.parametrize("value", NO_COUNTS)
def test_nothing_else_is_a_count(value):
    message = "`x` must be a positive integer. Received: x="
    with pytest.raises(ValueError, match=message):
        checks.check_positive("x", value, int)
    with pytest.raises(ValueError, match=message):
        checks.check_count("x", value)


def test_a_count_that_only_a_graph_knows_passes_and_a_known_tensor_is_looked_at():
    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)])
    def in_graph(value):
        checks.check_count("x", value)
        return value

    assert in_graph(tf.constant(0)) == 0
    checks.check_count("x", keras.KerasTensor((), "int32"))
    for tensor in (tf.constant(0), tf.constant(2.0)):
        with pytest.raises(ValueError, match="`x` must be a positive integer"):
            checks.check_count("x", tensor)


@pytest.mark.parametrize("value", [1, 1e-30, np.float32(0.5), np.int32(2)])
def test_positive_finite_numbers_pass(value):
    checks.check_positive("x", value)


@pytest.mark.parametrize("value", [0, -0.5, np.nan, np.inf, True, "1", None, [1.0]])
def test_nothing_else_is_a_positive_number(value):
    with pytest.raises(ValueError, match=r"`x` must be a positive number\. Received: x="):
        checks.check_positive("x", value)


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, np.int64(5), np.uint8(1)])
def test_integers_of_32_bits_are_seeds(seed):
    checks.check_seed(seed)


def test_tensors_are_seeds_whose_values_are_not_looked_at():
    for seed in (tf.constant(3), np.array([1, 2]), keras.KerasTensor((2,), "uint32")):
        checks.check_seed(seed)


@pytest.mark.parametrize("seed", [2**32, -1, 0.5, np.float32(1), True, "a", None])
def test_nothing_else_is_a_seed(seed):
    with pytest.raises(
        ValueError, match=r"`seed` must be an integer, .* Received: seed="
    ):
        checks.check_seed(seed)


def test_numbers_of_states_are_returned_as_pythons():
    for value in (2, np.int64(7)):
        found = checks.check_num_states(value)
        assert type(found) is int and found == value


@pytest.mark.parametrize("value", [1, 0, -2, 2.0, True, "2", None])
def test_fewer_than_two_states_are_refused(value):
    with pytest.raises(ValueError, match="`num_states` must be an integer, 2 for binary"):
        checks.check_num_states(value)


def test_means_within_the_unit_interval_are_returned_as_a_list():
    found = checks.check_means("x", np.array([[0.25, 0.5], [0.75, 1e-9]]), 4)
    assert found == [0.25, 0.5, 0.75, 1e-9] and type(found[0]) is float


@pytest.mark.parametrize(
    ("means", "received"),
    [
        ([0.5, 0.5], "2 numbers from 0.5 to 0.5"),
        ([0.0, 0.5, 0.5], "3 numbers from 0.0 to 0.5"),
        ([0.5, 0.5, 1.0], "3 numbers from 0.5 to 1.0"),
        ([0.5, np.nan, 0.5], "3 numbers from"),
        ([], "0 numbers from None to None"),
    ],
)
def test_other_means_are_refused_with_what_was_received(means, received):
    message = f"`x` must hold 3 numbers strictly between 0 and 1.*Received: {received}"
    with pytest.raises(ValueError, match=message):
        checks.check_means("x", means, 3)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32", "float64"])
def test_rows_of_numbers_from_0_to_1_are_images(dtype):
    checks.check_images("x", np.array([[0, 1, 1], [1, 0, 0]], dtype), 3)
    checks.check_images("x", [[0.0, 0.5, 1.0]], 3)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 4)), r"shape \(examples, 3\).*x.shape=\(2, 4\)"),
        (np.zeros(3), r"x.shape=\(3,\)"),
        (np.zeros((0, 3)), "at least one example"),
        (np.zeros((2, 1, 3)), r"x.shape=\(2, 1, 3\)"),
        ([["a", "b", "c"]], "must hold numbers. Received: x.dtype=<U1"),
        ([[0, None, 1]], "must hold numbers. Received: x.dtype=object"),
        (np.full((1, 3), 255), "binary data.*from 255 to 255"),
        (-np.ones((1, 3)), "from -1.0 to -1.0"),
        ([[0.0, np.nan, 1.0]], "rows with missing values.*from nan to nan"),
    ],
)
def test_nothing_else_is_an_image(images, message):
    with pytest.raises(ValueError, match=f"Argument `x` .*{message}"):
        checks.check_images("x", images, 3)


def test_an_export_is_refused_on_another_backend_when_it_is_called(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    serving = importlib.reload(importlib.import_module("keras_concrete.serving"))
    try:
        for name in serving.__all__:
            message = f"^{name} needs the backend tensorflow, and Keras runs on jax"
            with pytest.raises(ImportError, match=message):
                getattr(serving, name)("a model", "a folder")
    finally:
        monkeypatch.undo()
        importlib.reload(serving)
