"""What is done to a network's layers outlives its file."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

DATA = np.random.default_rng(0).integers(0, 2, (16, 6)).astype("float32")


def _network():
    return kc.SigmoidBeliefNetwork("4H-3H-6V", seed=0)


def test_frozen_layers_stay_frozen_and_training_goes_on_alike(tmp_path):
    model = _network()
    frozen = ["posterior_1_logits", "prior_2"]
    for name in frozen:
        model.get_layer(name).trainable = False
    model.compile("adam", jit_compile=False)
    model.fit(DATA, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [layer.name for layer in loaded.layers if not layer.trainable] == [
        layer.name for layer in model.layers if layer.name in frozen
    ]
    losses = [m.fit(DATA, shuffle=False, verbose=0).history for m in (model, loaded)]
    assert losses[0] == losses[1]


def test_a_wholly_frozen_network_stays_so(tmp_path):
    model = _network()
    model.trainable = False
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").trainable_weights == []


@pytest.mark.filterwarnings("ignore:.*does not have a `quantize` method")
def test_a_quantized_network_saves_and_loads(tmp_path):
    model = _network()
    model.quantize("int8")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    kernel = loaded.get_layer("likelihood_logits").kernel
    assert keras.backend.standardize_dtype(kernel.dtype) == "int8"
    bounds = [m.log_weights(DATA, 3, seed=0) for m in (model, loaded)]
    np.testing.assert_array_equal(*bounds)


def test_a_copy_is_made_of_the_config():
    model = _network()
    model.get_layer("prior_1_logits").trainable = False
    config = model.get_config()
    copy = kc.SigmoidBeliefNetwork.from_config(config)
    assert isinstance(copy, kc.SigmoidBeliefNetwork)
    assert not copy.get_layer("prior_1_logits").trainable
    assert copy.get_config() == config == model.get_config()
