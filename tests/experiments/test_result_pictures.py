"""Curves of training: their labels, colours and files."""

import contextlib
import dataclasses

from made_results import made_result

from keras_concrete.experiments import result_pictures
from keras_concrete.experiments.cell_result import Curve


def test_curves_of_variants_have_labels_and_colours_of_their_own(tmp_path, monkeypatch):
    """And those of two seeds the same; a run that was evaluated twice is drawn once."""
    shown, figures = [], result_pictures.drawing.new_figure

    @contextlib.contextmanager
    def look_at(*size):
        with figures(*size) as figure:
            yield figure
            shown.extend(figure.axes[0].lines)
            shown.extend(text.get_text() for text in figure.legends[0].texts)

    monkeypatch.setattr(result_pictures.drawing, "new_figure", look_at)
    variants = ["as-in-the-paper", "no-centering", "no-centering"]
    cells = [
        made_result(num_samples=1, variant=variant, seed=seed)
        for seed, variant in enumerate(variants)
    ]
    again = dataclasses.replace(cells[0], num_test_images=1_000)
    result_pictures.save_curves(tmp_path, [*cells, again])
    *lines, first, second = shown
    assert len(lines) == 3
    assert (first, second) == ("as-in-the-paper", "no-centering")
    colours = [line.get_color() for line in lines]
    assert colours[0] != colours[1] == colours[2]


def test_variants_have_colours_of_their_own_where_one_has_a_temperature_too():
    kinds = [("batch-64", None), ("batch-128", None), ("other", 0.5)]
    cells = [made_result(variant=v, posterior_temperature=t) for v, t in kinds]
    looks = result_pictures._looks(cells)
    assert len({str(look["color"]) for look in looks.values()}) == 3


def test_curves_of_other_numbers_of_steps_are_other_pictures(tmp_path):
    found = [dataclasses.replace(made_result(), steps=number) for number in (20, 100)]
    names = [path.name for path in result_pictures.save_curves(tmp_path, found)]
    assert names == [f"curves-table1-binarized_mnist-{n}.png" for n in (20, 100)]


def test_arities_have_colours_of_their_own_too():
    looks = result_pictures._looks([made_result(arity=arity) for arity in (2, 4, 8)])
    assert list(looks) == [f"concrete{ary}, m = 5" for ary in ("", ", 4-ary", ", 8-ary")]
    assert len({str(look["color"]) for look in looks.values()}) == 3


def test_one_curve_far_above_does_not_flatten_the_others():
    ends = {0.1: -78.0, 0.5: -76.0, 1.0: -77.0, 2.0: -84.0, 3.0: -95.0, 5.0: -195.0}
    found = [
        dataclasses.replace(
            made_result(posterior_temperature=temperature),
            curve=Curve([100, 200], [end, end], [end, end]),
        )
        for temperature, end in ends.items()
    ]
    hidden = result_pictures._far_above(found)
    assert hidden == {"concrete, m = 5, temperature 5"}
    common, names = result_pictures._legend(list(result_pictures._looks(found)), hidden)
    assert common == "concrete, m = 5"
    assert names[0] == "temperature 0.1"
    assert names[-1] == "temperature 5 (above the picture)"
    assert result_pictures._far_above(found[-4:]) == set()


def test_the_first_of_many_kinds_shows_below_one_that_is_the_same():
    cells = [made_result(variant=f"variant-{i}") for i in range(5)]
    widths = [look.get("linewidth", 2) for look in result_pictures._looks(cells).values()]
    assert widths == [8, 2, 2, 2, 2]
