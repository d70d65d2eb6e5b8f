"""The picture of a gradient report."""

import dataclasses
import importlib

import matplotlib
import numpy as np
import pytest

from keras_concrete.experiments.figures import gradient_plane
from keras_concrete.gradients import GradientReport, GradientRow


def row(name, bias, variance, objective="bound", found=True):
    zeros = dict.fromkeys([f.name for f in dataclasses.fields(GradientRow)], 0.0)
    limits = {"bias_low": 0.8 * bias if found else 0.0, "bias_high": 1.2 * bias}
    numbers = {"bias": bias, "variance": variance, "variance_error": 0.1 * variance}
    words = {"estimator": name, "objective": objective, "part": "all"}
    return GradientRow(**{**zeros, **words, **numbers, **limits, "reference_norm": 2.0})


# Sixteen, half of them crowded.
ROWS = [row(f"crowded_{i}", 1 + 0.04 * i, 1 + 0.1 * i) for i in range(8)] + [
    row(f"estimator_{i}", 10.0 ** -(i / 4), 2.0**i, "mean ELBO", found=i % 2 == 0)
    for i in range(8)
]


def test_labels_cover_no_point_and_no_other_label(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda f, *a, **k: figures.append(f)
    )
    gradient_plane.save_gradient_plane(tmp_path / "plane.png", ROWS, "sixteen")
    [axes] = figures[0].axes
    renderer = figures[0].canvas.get_renderer()
    boxes = [gradient_plane.text_box(label, renderer) for label in axes.texts]
    assert sorted(label.get_text() for label in axes.texts) == sorted(
        row.estimator for row in ROWS
    )
    for i, box in enumerate(boxes):
        assert not [other for other in boxes[i + 1 :] if box.overlaps(other)]
    points = np.array([label.xy for label in axes.texts])
    for x, y in axes.transData.transform(points):
        assert not [box for box in boxes if box.contains(x, y)]


def test_one_point_without_bias_is_drawn_and_no_row_is_refused(tmp_path):
    path = tmp_path / "plane.png"
    hidden = dataclasses.replace(row("b", 0.1, 1.0), reference_norm=0.0)
    gradient_plane.save_gradient_plane(
        str(path), [row("a", 0.1, 1.0, found=False), hidden], "one"
    )
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="`rows` must hold at least one row"):
        gradient_plane.save_gradient_plane(path, [hidden], "none")
    # A module that a function of its name hides.
    command = importlib.import_module("keras_concrete.experiments.command_line.gradients")
    report = GradientReport([hidden], 1, 1, {}, {})
    assert command._table(report, "all")[0][1:4] == ["-"] * 3
