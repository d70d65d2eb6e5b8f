"""Recipes: what they decide of a run, and that it is what the paper says."""

import dataclasses

import pytest

from keras_concrete.experiments.recipes import RECIPES, recipe_settings
from keras_concrete.experiments.training_config import TrainingConfig

NETWORKS = ["200H-784V", "200H~200H~784V", "392V-240H-240H-392V", "392V~240H~392V"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_decides_the_optimiser_and_what_comes_first(recipe, network):
    settings = recipe_settings(recipe, network)
    decided = {"learning_rate", "learning_rate_schedule", "weight_decay"}
    if recipe == "gumbel-softmax-first":
        decided |= {"first_estimator", "first_temperature"}
    assert settings.keys() == decided
    config = TrainingConfig(network, **settings)
    assert {name: getattr(config, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("network", "rate", "decay"),
    [
        ("200H-784V", 3e-4, 0.0),  # Linear.
        ("200H-200H-784V", 3e-4, 0.0),
        ("200H~784V", 1e-4, 0.0),  # Non-linear.
        ("200H~200H~784V", 1e-4, 0.0),
        ("200H-200H~784V", 1e-4, 0.0),
        ("392V-240H-240H-392V", 3e-4, 1e-3),  # Structured prediction.
        ("392V~240H~392V", 3e-4, 1e-3),
    ],
)
def test_the_paper_is_appendix_d5(network, rate, decay):
    assert recipe_settings("paper", network) == {
        "learning_rate": rate,
        "learning_rate_schedule": "constant",
        "weight_decay": decay,
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_the_cosine_is_what_a_run_has_by_default_whatever_its_network(network):
    defaults = dataclasses.asdict(TrainingConfig())
    settings = recipe_settings("cosine", network)
    assert settings == {name: defaults[name] for name in settings}
    assert settings["learning_rate_schedule"] == "cosine"


def test_what_is_no_recipe_and_no_network_is_refused():
    with pytest.raises(ValueError, match=r"`recipe` must be one of .*mean 'paper'\?"):
        recipe_settings("papers", "200H-784V")
    with pytest.raises(ValueError, match="at position 4"):
        recipe_settings("cosine", "200H+784V")
