"""Free logits, for the batch of whatever they are called on."""

import keras
import numpy as np
import pytest

import keras_concrete as kc


def test_learned_logits_train_and_follow_the_batch():
    layer = kc.LearnedLogits(3, num_states=4)
    assert layer(np.zeros((5, 2))).shape == (5, 3, 4)
    assert len(layer.trainable_weights) == 1
    with pytest.raises(ValueError, match="`units` must be a positive integer"):
        kc.LearnedLogits(0)


def test_keras_repeats_them_over_time():
    x = keras.Input((4, 6))
    logits = keras.layers.TimeDistributed(kc.LearnedLogits(3, num_states=5))(x)
    assert logits.shape == (None, 4, 3, 5)
    assert keras.Model(x, logits)(np.zeros((2, 4, 6))).shape == (2, 4, 3, 5)
