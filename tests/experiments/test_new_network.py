"""The network that settings describe."""

import dataclasses

import pytest
from tiny_runs import tiny_data

from keras_concrete.experiments.new_network import new_network
from keras_concrete.experiments.training_config import TrainingConfig

CONFIG = TrainingConfig(
    "3H-16V", epochs=4, steps_per_epoch=25, temperature_decay_rate=1 / 4
)


def test_temperatures_fall_from_those_of_d5_to_a_share_of_them_at_the_last_step():
    network = new_network(CONFIG, tiny_data())
    for schedule, first in (
        (network.prior_temperature, 1 / 2),
        (network.posterior_temperature, 2 / 3),
    ):
        values = [float(schedule(step)) for step in (0, 50, 100)]
        assert values == pytest.approx([first, first / 2, first / 4], rel=1e-5)


def test_a_conditional_network_has_one_that_falls_and_by_default_none_does():
    config = dataclasses.replace(CONFIG, architecture="6V-3H-10V")
    network = new_network(config, tiny_data())
    assert network.prior_temperature is None
    assert float(network.posterior_temperature(100)) == pytest.approx(1 / 6, rel=1e-5)
    config = dataclasses.replace(CONFIG, temperature_decay_rate=1.0)
    assert new_network(config, tiny_data()).posterior_temperature is None
