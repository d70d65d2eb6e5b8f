"""Results of cells, made up, for tables and curves."""

import dataclasses

from keras_concrete.experiments.cell import Cell, PaperNLL
from keras_concrete.experiments.cell_result import CellResult, Curve
from keras_concrete.experiments.report import Estimate, MeanAndError


def made_result(estimator="concrete", num_samples=5, mean=95.0, seed=0, **changes):
    """A result; `changes` are those of its cell."""
    cell = Cell(
        table="table1",
        data="binarized_mnist",
        architecture="200H~784V",
        arity=2,
        num_samples=num_samples,
        estimator=estimator,
        paper=PaperNLL(test=89.5, train=88.1),
    )
    nll = Estimate(
        mean=mean, standard_error=0.25, num_samples=1_000, effective_sample_size=3.0
    )
    bound = dataclasses.replace(nll, mean=-mean, num_samples=num_samples)
    return CellResult(
        cell=dataclasses.replace(cell, **changes),
        command="keras-concrete reproduce table1",
        curve=Curve([1, 2], [-9.0, -8.0], [-9.0, -8.0]),
        num_test_images=10_000,
        relaxed_bound=bound,
        discrete_bound=bound,
        integrality_gap=MeanAndError(mean=0.0, standard_error=0.0),
        discrete_nll=nll,
        base_rate_nll=MeanAndError(mean=206.0, standard_error=0.5),
        num_train_images=2_000,
        train_nll=dataclasses.replace(nll, mean=mean - 1),
        steps=2_000,
        steps_of_weights=2_000,
        steps_per_second=100.0,
        training_seconds=120.0,
        config={"seed": seed},
        versions={"python": "3.11"},
        hardware={"processor": "made up", "cores": 1},
    )
