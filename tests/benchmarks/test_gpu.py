"""What the GPU benchmark makes of answers; the programs themselves need JAX."""

import json
from pathlib import Path

import numpy as np

from benchmarks.gpu import page
from benchmarks.gpu.compared import compared

RESULTS = Path(__file__).parents[2] / "results" / "gpu"


def test_a_row_whose_layer_below_differs_is_not_compared_further():
    answers = {
        "codes_1": np.array([[1.0, -1.0], [1.0, 1.0]]),
        "probabilities_2": np.array([[0.5], [0.25]]),
        "codes_2": np.array([[1.0], [1.0]]),
    }
    references = {
        "out_codes_1": np.array([[1, -1], [1, -1]], "int8"),
        "out_margin_1": np.array([[np.inf, np.inf], [np.inf, 3e-4]]),
        "out_probabilities_2": np.array([[0.25], [0.75]]),
        "out_codes_2": np.array([[1], [-1]], "int8"),
    }
    assert compared(answers, references) == {
        "codes_1": {"count": 4, "differ": 1, "greatest_margin": 3e-4},
        "probabilities_2": 0.25,
        "codes_2": {"count": 1, "differ": 0},
    }


def test_the_page_is_that_of_its_files():
    contents = [json.loads(file.read_text()) for file in RESULTS.glob("*.json")]
    contents.sort(key=lambda content: content["date"])
    by = {
        name: [c for c in contents if c["benchmark"] == f"gpu.{name}"]
        for name in ("serve", "training")
    }
    written = (RESULTS / "README.md").read_text()
    assert page.page(by["serve"], by["training"]) == written
