"""The first batch of any form of data is looked at, and none is lost."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete.first_batch import peek

pytestmark = pytest.mark.usefixtures("without_xla")

IMAGES = np.random.default_rng(0).integers(0, 2, (24, 6)).astype("float32")


class _Rows(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.images[index * 8 : (index + 1) * 8]


def _dataset(images):
    return tf.data.Dataset.from_tensor_slices(images).batch(8)


def _generator(images):
    return (images[start : start + 8] for start in range(0, 24, 8))


FORMS = {"array": np.array, "dataset": _dataset, "rows": _Rows, "generator": _generator}


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_lost_by_the_look(form):
    batch, data = peek(FORMS[form](IMAGES))
    if form == "array":
        assert batch is None
    else:
        np.testing.assert_array_equal(batch, IMAGES[:8])
    if form == "rows":
        data = [data[i] for i in range(3)]
    np.testing.assert_array_equal(np.reshape([*data], IMAGES.shape), IMAGES)


@pytest.mark.parametrize("empty", [(_ for _ in ()), _dataset(IMAGES[:0])])
def test_data_without_a_batch_are_handed_on(empty):
    batch, data = peek(empty)
    assert batch is None and list(data) == []


@pytest.fixture(scope="module")
def model():
    model = kc.SigmoidBeliefNetwork("3H-6V", seed=0)
    model.compile("sgd")
    return model


@pytest.mark.parametrize("wrong", [255.0, np.nan, -1.0])
@pytest.mark.parametrize("form", FORMS)
def test_fit_and_evaluate_refuse_what_is_not_binary(form, wrong, model):
    images = IMAGES * wrong
    with pytest.raises(ValueError, match="`x` must hold binary data"):
        model.fit(FORMS[form](images), verbose=0, shuffle=False)
    with pytest.raises(ValueError, match="`x` must hold binary data"):
        model.evaluate(FORMS[form](images), verbose=0)
    with pytest.raises(ValueError, match="`x` must hold binary data"):
        model.fit(
            IMAGES, validation_data=_as_validation(form, images), verbose=0, epochs=1
        )


def _as_validation(form, images):
    data = FORMS[form](images)
    return (data, None) if form == "array" else data


def test_a_conditional_network_looks_at_both_of_its_images():
    model = kc.SigmoidBeliefNetwork("2V-3H-4V", seed=0)
    model.compile("sgd")
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES[:, :2], 3 * IMAGES[:, 2:]))
    with pytest.raises(ValueError, match="`y` must hold binary data"):
        model.fit(pairs.batch(8), verbose=0, shuffle=False)


@pytest.mark.parametrize("wrong", [255.0, -0.5])
def test_no_likelihood_takes_other_values_for_a_log_mass(wrong):
    x = IMAGES.copy()
    x[3, 2] = wrong
    log_likelihood = kc.BernoulliLogLikelihood()(x, np.zeros_like(x))
    assert np.flatnonzero(np.isnan(log_likelihood)).tolist() == [3]
