"""The figures' numbers are the package's own, and equal figures are equal files."""

import matplotlib
import numpy as np
import pytest
from scipy import special

from keras_concrete.experiments import drawing, figures
from keras_concrete.experiments.figures import binary, gap, graphs, simplex

ALPHA = (2.0, 0.5, 1.0)
# Temperature, relaxed mean and error, discrete mean and error.
MADE_UP = [(2.0, 56.0, 0.1, 63.0, 0.3), (0.5, 60.0, 0.2, 60.5, 0.2), (1, 57, 0, 58, 0)]
SAVERS = {
    "figure-1-sampling-graphs": figures.save_sampling_graphs,
    "figure-2-simplex-densities": figures.save_simplex_densities,
    "figure-3-binary-concrete": figures.save_binary_concrete,
    "figure-4-integrality-gap": lambda folder: figures.save_integrality_gap(
        folder, MADE_UP, "made-up numbers"
    ),
}
STARTS = {".pdf": b"%PDF", ".svg": b"<?xml", ".png": b"\x89PNG"}


def user_settings():
    # Reading the backend would choose one.
    names = set(matplotlib.rcParams) - {"backend"}
    return {name: matplotlib.rcParams[name] for name in names}


@pytest.mark.parametrize("name", SAVERS)
def test_figures_are_the_same_files_each_time(name, tmp_path):
    before = user_settings()
    first = SAVERS[name](tmp_path / "new" / "folder")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        second = SAVERS[name](str(tmp_path))
    assert user_settings() == before
    assert [path.name for path in first] == [f"{name}{ending}" for ending in STARTS]
    for one, other in zip(first, second, strict=True):
        content = one.read_bytes()
        assert content.startswith(STARTS[one.suffix])
        assert content == other.read_bytes()


def test_a_figure_outside_its_block_leaves_the_style_behind():
    outside = matplotlib.rcParams["font.size"]
    with drawing.new_figure(2, 2):
        assert matplotlib.rcParams["font.size"] != outside
    assert matplotlib.rcParams["font.size"] == outside


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_both_states_come_from_the_same_noise(temperature):
    drawn = graphs.draw_unit(ALPHA, temperature, seed=38)
    noisy = np.float64(drawn.noisy_logits)
    np.testing.assert_allclose(noisy, np.log(ALPHA) + drawn.noise, atol=1e-6)
    np.testing.assert_array_equal(drawn.discrete, np.arange(3) == noisy.argmax())
    expected = special.softmax(noisy / temperature)
    np.testing.assert_allclose(drawn.relaxed, expected, atol=1e-6)


def test_the_example_draw_is_worth_a_picture():
    drawn = graphs.draw_unit(ALPHA, 0.5, seed=38)
    assert drawn.discrete.argmax() != np.argmax(ALPHA)  # The noise decided.
    assert drawn.relaxed.min() > 0.1


def test_small_triangles_tile_the_simplex():
    points = simplex.simplex_grid(7)
    assert points.shape == (49, 3)
    assert points.min() > 0
    np.testing.assert_allclose(points.sum(-1), 1, atol=1e-6)
    # The integrals of y_1 (exact) and of y_1 squared, 1/6 and 1/12.
    np.testing.assert_allclose(points[:, 0].mean() / 2, 1 / 6, atol=1e-6)
    np.testing.assert_allclose((points[:, 0] ** 2).mean() / 2, 1 / 12, rtol=0.02)


def total(temperature, divisions):
    points = simplex.simplex_grid(divisions)
    return simplex.density_on(points, ALPHA, temperature).mean(dtype="float64") / 2


@pytest.mark.parametrize("temperature, error", [(1.0, 0.01), (2.0, 1e-4)])
def test_density_on_the_simplex_integrates_to_one(temperature, error):
    assert total(temperature, 200) == pytest.approx(1, abs=error)


def test_density_that_grows_without_bound_integrates_to_one_in_the_limit():
    # The triangles at the vertices miss a mass of the order of divisions**-temperature,
    # so four times the divisions halve it.
    assert 2 * total(0.5, 400) - total(0.5, 100) == pytest.approx(1, abs=0.01)


def test_disks_have_the_areas_of_the_masses():
    masses = simplex.vertex_masses(ALPHA)
    np.testing.assert_allclose(masses, [4 / 7, 1 / 7, 2 / 7], rtol=1e-6)
    radii = [simplex.disk_radius(mass) for mass in masses]
    np.testing.assert_allclose(np.square(radii) / np.square(radii).sum(), masses)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_output_density_integrates_to_one(temperature):
    states = special.expit(np.linspace(-12, 12, 2001)).astype("float32")
    density = binary.output_density(states, 2.0, temperature)
    assert np.trapezoid(density, states) == pytest.approx(1, abs=0.01)


def test_input_density_integrates_to_one_around_the_logit():
    noisy_logits = np.linspace(-30, 30, 3001, dtype="float32")
    density = binary.input_density(noisy_logits, 2.0)
    assert np.trapezoid(density, noisy_logits) == pytest.approx(1, abs=1e-3)
    assert noisy_logits[density.argmax()] == pytest.approx(np.log(2), abs=0.02)


def test_output_masses_are_those_of_the_odds():
    np.testing.assert_allclose(binary.output_masses(2.0), [1 / 3, 2 / 3], rtol=1e-6)


def test_records_are_sorted_by_temperature():
    ordered = gap.sorted_records(MADE_UP)
    assert [record.temperature for record in ordered] == [0.5, 1, 2.0]
    assert ordered[0] == MADE_UP[1]


@pytest.mark.parametrize(
    "records, message",
    [
        ([], "at least one"),
        ([(0.0, 1, 0, 1, 0)], "positive temperatures"),
        ([(1.0, float("nan"), 0, 1, 0)], "finite"),
        ([(1.0, 1, 0, 1, 0), (1.0, 2, 0, 2, 0)], "once"),
        ([(1.0, 1, 0, 1, -1)], "0 or more"),
    ],
)
def test_records_that_cannot_be_drawn_are_refused(records, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        figures.save_integrality_gap(tmp_path, records, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "records",
    [
        [(0.7, 60.0, 0.1, 61.0, 0.1)],
        [(0.1, 60.0, 0.0, 59.0, 0.0), (10.0, 50.0, 0.0, 80.0, 0.0)],
        [(0.5 + 0.01 * i, 60.0, 1.0, 61.0 + i, 1.0) for i in range(30)],
    ],
    ids=["one temperature", "graphs that cross", "close temperatures"],
)
def test_unusual_sweeps_are_drawn(records, tmp_path):
    paths = figures.save_integrality_gap(tmp_path, records, "a long label " * 20)
    assert len(paths) == 3


def test_labels_of_temperatures_keep_apart():
    close = np.array([0.1, 0.101, 1.0, 1.05, 10.0])
    assert gap.spaced(close) == [0.1, 1.0, 10.0]
