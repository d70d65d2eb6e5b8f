"""Tables of results, beside the paper's."""

import dataclasses
import math

from made_results import made_result

from keras_concrete.experiments import result_tables
from keras_concrete.experiments.best_results import best_table
from keras_concrete.experiments.cell_result import Curve


def test_tables_set_ours_beside_the_papers():
    (table,) = result_tables.make_tables([made_result(), made_result("vimco", mean=96.0)])
    numbers = ["test NLL", "paper", "train NLL", "paper"]
    assert table.header == ["model", "estimator", *numbers, "minutes"]
    numbers = ["95.00 ± 0.25", "89.5", "94.00 ± 0.25", "88.1", "2.0"]
    assert table.rows[0] == ["200H~784V", "concrete", *numbers]
    assert "10,000 test images by 1,000 samples, after 2,000 steps" in table.title
    assert "m 5" in table.title
    assert (
        result_tables.markdown(table).splitlines()[2].startswith("| model | estimator |")
    )
    (table,) = result_tables.make_tables([made_result(data="mnist5k", paper=None)])
    assert table.header == ["model", "test NLL", "train NLL", "minutes"]


def test_seeds_are_averaged_where_all_rows_have_as_many():
    """Means 95, 96, 97: mean 96, standard error 1 / sqrt(3)."""
    seeds = [made_result(mean=95.0 + i, seed=i) for i in range(3)]
    (table,) = result_tables.make_tables(seeds)
    assert table.rows == [
        ["200H~784V", "96.00 ± 0.58", "89.5", "95.00 ± 0.58", "88.1", "2.0"]
    ]
    assert "mean of 3 seeds" in table.title
    (table,) = result_tables.make_tables([*seeds, made_result("vimco")])
    assert table.header[:3] == ["model", "estimator", "seed"] and len(table.rows) == 4


def test_the_temperature_of_the_paper_is_not_told_as_0():
    warm = made_result(posterior_temperature=0.5)
    (table,) = result_tables.make_tables([made_result(), warm])
    assert table.header[1] == "temperature"
    assert [row[1] for row in table.rows] == ["D.5", "0.5"]


def test_of_a_search_the_best_bound_of_validation_images_comes_first():
    results = [
        dataclasses.replace(
            made_result(table="grid", variant=variant, paper=None),
            curve=Curve([1, 2], [-3.0, -2.0], [-5.0, bound]),
        )
        for variant, bound in (("rate1", -4.0), ("rate2", -3.0))
    ]
    (table,) = result_tables.make_tables(results)
    assert table.header[1:3] == ["variant", "validation bound"]
    assert [row[1:3] for row in table.rows] == [["rate2", "-3.00"], ["rate1", "-4.00"]]


def test_results_of_other_data_or_images_are_other_tables():
    few = dataclasses.replace(made_result(), num_test_images=1_000, train_nll=None)
    tables = result_tables.make_tables([made_result(), made_result(data="omniglot"), few])
    assert len(tables) == 3
    assert tables[2].header == ["model", "test NLL", "paper", "minutes"]


def test_the_best_of_a_network_is_of_all_test_images_and_of_equal_samples():
    fewer = dataclasses.replace(made_result(mean=80.0), num_test_images=1_000)
    nll = dataclasses.replace(made_result().discrete_nll, mean=81.0, num_samples=50_000)
    results = [
        made_result(),
        made_result("gumbel_softmax", mean=94.0, table="compare", paper=None),
        fewer,
        dataclasses.replace(made_result(), discrete_nll=nll),
        made_result(mean=70.0, architecture="16H-784V"),
        made_result(mean=120.0, data="omniglot"),
    ]
    table = best_table(results)
    assert [row[:6] for row in table.rows] == [
        ["binarized_mnist", "200H~784V", "94.00 ± 0.25", "88.5", "gumbel_softmax", "5"],
        ["omniglot", "200H~784V", "120.00 ± 0.25", "107.5", "concrete", "5"],
    ]
    assert table.rows[0][-1] == "`keras-concrete reproduce table1`"


def test_results_that_are_nan_or_without_a_curve_come_last_and_are_not_the_best():
    results = [
        dataclasses.replace(
            made_result(table="grid", variant=variant, paper=None),
            curve=Curve([1][: len(bounds)], [-3.0][: len(bounds)], bounds),
        )
        for variant, bounds in (("rate1", [math.nan]), ("rate2", []), ("rate3", [-9.0]))
    ]
    (table,) = result_tables.make_tables(results)
    assert [row[1] for row in table.rows] == ["rate3", "rate1", "rate2"]
    of_nan = made_result("gumbel_softmax", mean=math.nan, table="compare", paper=None)
    assert best_table([of_nan, made_result()]).rows[0][4] == "concrete"
