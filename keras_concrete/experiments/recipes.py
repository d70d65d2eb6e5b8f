"""Ways to train by name: the settings of the optimizer, and what goes before."""

from typing import Any

from keras_concrete.checks import check_choice
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.networks.notation import parse_architecture

__all__ = ["RECIPES", "recipe_settings"]

RECIPES = ("cosine", "paper", "gumbel-softmax-first")


def recipe_settings(recipe: str, architecture: str) -> dict[str, Any]:
    """Settings of a training run that a recipe decides.

    Args:
        recipe: `"cosine"`: Adam whose rate decays from 2e-3 to 0 along a half cosine, for
            runs of a given number of steps. `"paper"`: appendix D.5 of Maddison, Mnih &
            Teh (2017), for 10,000,000 steps: a constant rate of 1e-4, or of 3e-4 where
            all links are affine or the network is conditional, which also has weight
            decay; for VIMCO and NVIL, whose settings are not given there, the same.
            `"gumbel-softmax-first"`: `"cosine"`, with the first half of the epochs by
            the estimator `"gumbel_softmax"` at temperature 1/2: its objective, which is
            no bound, learns faster at first. For short runs: ahead after 20,000 steps and
            behind after 200,000 (tried on binary units only).
        architecture: The network, in the paper's notation.

    Returns:
        Dict from names of `TrainingConfig` to values.

    Raises:
        ValueError: If there is no recipe of that name.

    Example:
    >>> recipe_settings("paper", "200H~784V")["learning_rate"]
    0.0001
    """
    check_choice("recipe", recipe, RECIPES)
    parsed = parse_architecture(architecture)
    names = ("learning_rate", "learning_rate_schedule", "weight_decay")
    defaults = {name: getattr(TrainingConfig, name) for name in names}
    if recipe == "cosine":
        return defaults
    if recipe == "gumbel-softmax-first":
        first = {"first_estimator": "gumbel_softmax", "first_temperature": 1 / 2}
        return {**defaults, **first}
    is_conditional = parsed.context_units is not None
    return {
        "learning_rate": 3e-4 if is_conditional or parsed.is_linear else 1e-4,
        "learning_rate_schedule": "constant",
        "weight_decay": 1e-3 if is_conditional else 0.0,
    }
