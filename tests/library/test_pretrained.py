"""The models that come with the package are what their cards say."""

import numpy as np
import pytest
from scipy.special import logsumexp

import keras_concrete as kc
from keras_concrete.experiments.pretraining import precision_at_10
from keras_concrete.pretrained import PRETRAINED, PRETRAINED_FOLDER


def test_the_belief_network_has_the_nll_of_its_card():
    results = kc.model_card("belief_network_mnist5k").results
    model = kc.load_pretrained("belief_network_mnist5k")
    images = kc.load_dataset("mnist5k").test[:100]
    log_weights = np.asarray(model.log_weights(images, 100))
    found = np.log(100) - logsumexp(log_weights, axis=1)
    # By a tenth of the samples, which costs some nats, on a fifth of the images: of 5
    # standard errors, false alarms are 1 in 3 million.
    error = 5 * found.std() / 10
    nll = results["test NLL by 1,000 samples, nats"]
    assert nll - error < found.mean() < nll + 4 + error


def test_the_hash_has_the_precision_of_its_card():
    results = kc.model_card("hash_mnist5k").results
    encoder, data = kc.load_pretrained("hash_mnist5k"), kc.load_dataset("mnist5k")
    found = precision_at_10(encoder, data)
    # Bits at the threshold may differ between machines.
    assert found == pytest.approx(results["precision at 10"], abs=0.005)
    bits = np.asarray(encoder(data.test[:50]))
    assert set(np.unique(bits)) == {0.0, 1.0}
    np.testing.assert_array_equal(bits, np.asarray(encoder(data.test[:50])))


def test_all_is_small_and_has_a_card_that_says_how_it_was_made():
    files = {file.name for file in PRETRAINED_FOLDER.iterdir()}
    assert files == {f"{name}.{end}" for name in PRETRAINED for end in ("keras", "json")}
    assert sum(file.stat().st_size for file in PRETRAINED_FOLDER.iterdir()) < 600_000
    for name in PRETRAINED:
        card = kc.model_card(name)
        assert card.name == name and card.steps > 0 and "MNIST" in card.data
        assert card.command.endswith(name) and "Apache 2.0" in card.licence
        assert {"python", "keras", "tensorflow"} <= set(card.versions)
