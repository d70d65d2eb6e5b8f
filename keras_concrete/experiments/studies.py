"""Studies of our own beside the paper's tables: cells with settings other than D.5's."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.paper_tables import TABLES

__all__ = ["SEARCHES", "STUDIES"]

# Studies whose cells are to be chosen among, by their bounds of validation images.
SEARCHES = ("grid", "control-grid")

# What each variant changes of the paper's own settings.
_ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "as-in-the-paper": ("concrete", {}),
    "no-centering": ("concrete", {"centering": False}),
    "one-temperature-0.5": ("concrete", {"posterior_temperature": 1 / 2}),
    "one-temperature-0.67": ("concrete", {"prior_temperature": 2 / 3}),
    "kl-of-equation-21": ("gumbel_softmax", {"restore_best_weights": False}),
    "kl-of-equation-22": ("concrete_analytic_kl", {"restore_best_weights": False}),
    "gumbels-as-node": ("concrete_gumbel_node", {}),
}

# By the paper's estimator: each variant's name, its own estimator, its temperature if not
# the paper's, its recipe, and what else it changes.
_Recipe = tuple[str, str, float | None, str, dict[str, Any]]
_RECIPES: dict[str, tuple[_Recipe, ...]] = {
    "concrete": (
        ("batch-128", "concrete", None, "cosine", {}),
        ("equation-21", "gumbel_softmax", 1 / 2, "cosine", {}),
        ("equation-22", "concrete_analytic_kl", 1 / 2, "cosine", {}),
        ("equation-21-first", "concrete", None, "gumbel-softmax-first", {}),
        ("batch-128", "concrete_dreg", None, "cosine", {}),
        # The tanh layers of q next to the image as D.1 has them: of the image's size.
        ("wide-encoder", "concrete_dreg", None, "cosine", {"encoder_units": 784}),
    ),
    "vimco": (("batch-128", "vimco", None, "cosine", {}),),
}


def _ablation() -> Iterator[Cell]:
    for variant, (estimator, settings) in _ABLATIONS.items():
        yield Cell(
            "ablation",
            "binarized_mnist",
            "200H~200H~784V",
            2,
            1,
            estimator,
            variant=variant,
            settings=tuple(settings.items()),
        )


def _recipe() -> Iterator[Cell]:
    """The paper's non-linear cells on MNIST with m = 5, by our recipe."""
    for cell in TABLES["table1"]:
        kind = (cell.data, cell.num_samples)
        if kind != ("binarized_mnist", 5) or "~" not in cell.architecture:
            continue
        for variant, estimator, temperature, recipe, changes in _RECIPES[cell.estimator]:
            yield replace(
                cell,
                table="recipe",
                estimator=estimator,
                posterior_temperature=temperature,
                recipe=recipe,
                variant=variant,
                settings=(("batch_size", 128), *changes.items()),
            )


def _grid() -> Iterator[Cell]:
    """Appendix D.5: among what the paper chose learning rate and weight decay."""
    networks = ("200H-200H-784V", "200H~200H~784V")
    rates, decays = (1e-4, 3e-4, 1e-3), (0.0, 1e-2, 1e-1, 1.0)
    for network, rate, decay in itertools.product(networks, rates, decays):
        yield Cell(
            "grid",
            "binarized_mnist",
            network,
            2,
            5,
            "concrete",
            variant=f"rate{rate:g}-decay{decay:g}",
            settings=(("learning_rate", rate), ("weight_decay", decay)),
        )


def _control_grid() -> Iterator[Cell]:
    """Temperatures for the control, of which the paper only says that they are others.

    By our recipe: at the paper's constant rate a short run tells little of them.
    """
    posteriors, shares = (1 / 2, 2 / 3, 1.0, 3 / 2), (1 / 2, 2 / 3, 1.0)
    for arity, posterior, share in itertools.product((4, 8), posteriors, shares):
        yield Cell(
            "control-grid",
            "binarized_mnist",
            "240H~784V",
            arity,
            5,
            "logistic_normal",
            posterior_temperature=posterior,
            recipe="cosine",
            variant=f"prior{posterior * share:.2g}",
            settings=(("prior_temperature", posterior * share),),
        )


STUDIES: dict[str, tuple[Cell, ...]] = {
    "ablation": tuple(_ablation()),
    "recipe": tuple(_recipe()),
    "grid": tuple(_grid()),
    "control-grid": tuple(_control_grid()),
}
