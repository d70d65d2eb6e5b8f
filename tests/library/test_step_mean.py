"""The mean over the examples that steps of training or of evaluation have seen."""

import keras
import numpy as np
import pytest

from keras_concrete.step_mean import StepMean


def after(*steps):
    """The mean after steps, each a list of pairs of values and whether in training."""
    mean = StepMean(name="kl")
    for step in steps:
        for values, training in step:
            mean.add_call(np.array(values, "float32"), training=training)
        result = float(mean.result())
    return result


def test_examples_weigh_alike_in_batches_of_different_sizes():
    steps = [[([1.0, 2.0, 3.0], True)], [([10.0], True)]]
    assert after(*steps) == pytest.approx(16 / 4)
    steps = [[([1.0, 2.0, 3.0], False)], [([10.0], False)]]
    assert after(*steps) == pytest.approx(16 / 4)


def test_in_a_training_step_other_calls_are_dropped():
    assert after([([9.0] * 7, False), ([1.0, 3.0], True), ([9.0], False)]) == 2.0
    assert after([([1.0, 3.0], True)], [([9.0], False), ([5.0, 7.0], True)]) == 4.0


def test_when_fit_asks_once_more_at_the_end_of_an_epoch_a_prediction_is_dropped():
    assert after([([1.0, 3.0], True)], [([9.0] * 7, False)]) == 2.0
    mean = StepMean(name="kl")
    mean.add_call(np.ones(3, "float32"), training=True)
    mean.result()
    mean.reset_state()  # An evaluation follows.
    mean.add_call(np.full(3, 5.0, "float32"), training=False)
    assert float(mean.result()) == 5.0


def test_calls_of_one_step_add_up_as_losses_do():
    assert after([([1.0, 3.0], True), ([10.0, 20.0], True)]) == 17.0
    assert after([([1.0, 3.0], False), ([10.0, 20.0], False)]) == 17.0


def test_it_is_zero_without_values_and_after_a_reset():
    assert after([]) == 0.0
    mean = StepMean(name="kl")
    mean.add_call(np.ones(3, "float32"), training=True)
    mean.reset_state()
    assert float(mean.result()) == 0.0


def test_it_is_made_again_from_its_config():
    mean = StepMean(name="kl")
    revived = keras.metrics.deserialize(keras.metrics.serialize(mean))
    assert type(revived) is StepMean and revived.name == mean.name


def test_values_are_float32_whatever_they_were_and_have_any_shape():
    mean = StepMean(name="kl")
    mean.add_call(keras.ops.cast([[1.0, 2.0], [3.0, 400.0]], "float16"), True)
    result = mean.result()
    assert result.dtype == "float32" and float(result) == 406 / 4


class Reporting(keras.layers.Layer):
    """Reports its input twice, in parts of the policy's dtype."""

    def __init__(self):
        super().__init__()
        self.mean = StepMean(name="input")

    def call(self, x):
        self.mean.add_call(x, training=True)
        self.mean.add_call(x, training=True)
        return x


def test_a_policy_does_not_round_what_waits():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = Reporting()
    layer(np.ones((301, 1)))  # Bfloat16 has 300 and 302.
    assert float(layer.mean.result()) == 2.0
