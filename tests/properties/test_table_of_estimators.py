"""The documentation's table of estimators says what they say of themselves."""

import re
from pathlib import Path

import pytest

from keras_concrete import estimators

PAGE = Path(__file__).parents[2] / "docs" / "choosing.md"
ROWS = [
    row.split(" | ")
    for row in re.findall(r"^\| (`\w+` \|.*) \|$", PAGE.read_text(), re.MULTILINE)
    if row.count(" | ") == 6
]


def test_the_table_has_every_estimator_once_and_in_their_order():
    assert [row[0] for row in ROWS] == [f"`{name}`" for name in estimators.names()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_a_row_says_what_the_estimator_says_of_itself(row):
    name, _, _, maximises, bias, passes, works = row
    estimator = estimators.get(name.strip("`"))
    assert bias.startswith("none") == estimator.is_unbiased
    of_elbo = estimator.objective == "mean ELBO"
    assert maximises.startswith("the mean ELBO of m samples") == of_elbo
    of_bound = estimator.is_unbiased and not of_elbo
    assert maximises.startswith("the discrete bound") == of_bound
    if estimator.reads_conditions:  # For one sample.
        assert passes == "1"
    else:
        times, more = re.fullmatch(r"(\d*)m(?: \+ (\d+))?", passes).groups("")
        counts = [int(times or 1) * m + int(more or 0) for m in (1, 5)]
        assert counts == [estimator.decoder_evaluations(m) for m in (1, 5)]
    expected = "any model" if estimator.pathwise else "ends in `MultiSampleBound`"
    if estimator.reads_conditions:
        expected = "belief networks; others that pass it `conditions`"
    if estimator.reads_first_draw:
        expected = "belief networks; others that pass it `[logits, node]`"
    assert works == expected + "; binary units" * estimator.binary_only
