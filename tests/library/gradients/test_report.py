"""A gradient report finds the biases that there are, and none that there are not."""

import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete.gradients import clones, comparison
from keras_concrete.gradients import report as reports

X = np.random.default_rng(1).integers(0, 2, (4, 3)).astype("float32")


def network(architecture="2H-2H-3V", estimator="vimco", **options):
    options = {"num_samples": 2, "seed": 0, **options}
    model = kc.SigmoidBeliefNetwork(architecture, estimator=estimator, **options)
    generator = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(0, 0.7, weight.shape))
    return model


def report_of(model, names=None, num_draws=40, **options):
    return kc.gradient_report(model, X, names, num_draws, jit_compile=False, **options)


@pytest.fixture(scope="module")
def report():
    return report_of(network(), ["vimco", "reinforce_loo", "disarm", "concrete"], 400)


def test_unbiased_estimators_have_no_bias_against_their_own_objective(report):
    assert report.references == {"bound": "exact", "mean ELBO": "exact"}
    objectives = {row.estimator: row.objective for row in report.rows}
    assert objectives["disarm"] == objectives["reinforce_loo"] == "mean ELBO"
    assert objectives["vimco"] == objectives["concrete"] == "bound"
    unbiased = [row for row in report.rows if row.estimator != "concrete"]
    # Intervals of 95%; the seed is fixed, and these 24 are not independent.
    assert sum(row.bias_low > 0 for row in unbiased) <= 3
    for row in unbiased:
        assert row.bias_low < 0.1 * row.reference_norm, row
    [concrete] = [row for row in report.part() if row.estimator == "concrete"]
    assert concrete.bias_low > 0.2 * concrete.reference_norm


def test_parts_add_up_and_every_layer_has_a_row(report):
    parts = [row.part for row in report.rows if row.estimator == "vimco"]
    functions = ["posterior_1", "posterior_2", "likelihood", "prior_1", "prior_2"]
    assert parts == ["all", "posterior", "prior and likelihood", *functions]
    rows = {row.part: row for row in report.rows if row.estimator == "vimco"}
    for name, square in (("variance", 1), ("reference_norm", 2)):
        total = getattr(rows["all"], name) ** square
        for group in (["posterior", "prior and likelihood"], functions):
            of_parts = sum(getattr(rows[part], name) ** square for part in group)
            assert of_parts == pytest.approx(total, rel=1e-4)


def test_the_long_run_stands_for_enumeration(monkeypatch):
    """Both objectives; the noise of the reference is in the intervals."""
    model, names = network("2H-3V"), ["concrete", "reinforce_loo"]
    exact = report_of(model, names, 300).part()
    monkeypatch.setattr(comparison, "MAX_STATES", 1)
    long = report_of(model, names, 300)
    assert long.references == {
        "bound": "vimco, 2 samples, 1200 draws",
        "mean ELBO": "reinforce_loo, 16 samples, 1200 draws",
    }
    for one, other in zip(exact, long.part(), strict=True):
        assert other.reference_norm == pytest.approx(one.reference_norm, rel=0.1)
        assert other.draw_cosine == pytest.approx(one.draw_cosine, abs=0.1)
        assert other.bias_low <= one.bias_high and one.bias_low <= other.bias_high
        assert (other.bias_low > 0) == (one.estimator == "concrete")


def test_by_default_all_that_are_for_the_network_are_compared(monkeypatch):
    monkeypatch.setattr(reports.registry, "names", lambda: ["nvil", "straight_through"])
    report = report_of(network())
    assert [row.estimator for row in report.part()] == ["straight_through"]
    assert list(report.skipped) == ["nvil"] and "one sample" in report.skipped["nvil"]


@pytest.mark.parametrize(
    ("names", "states", "message"),
    [
        ("vimco", 256, r"`estimators` must be a list .*pass \['vimco'\]"),
        (["vimco", "nvil"], 256, "one sample"),
        (["vimco", "concrete"], 1, "discrete units of its own"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_the_first_run(
    names, states, message, monkeypatch
):
    def run(self, clone):
        raise AssertionError("A run")

    monkeypatch.setattr(comparison.Comparison, "rows", run)
    monkeypatch.setattr(comparison, "MAX_STATES", states)
    # As if each estimator had units of its own, which a long run does not tell.
    monkeypatch.setattr(comparison, "_masses", lambda name, arity: name.encode())
    with pytest.raises(ValueError, match=message):
        report_of(network("2H-3V", "concrete", arity=4), names)


def test_the_model_and_the_noise_to_come_stay_as_they_are():
    model = network("2H-3V", estimator="nvil", num_samples=1)
    before = [np.array(variable) for variable in model.variables]
    first, second = (report_of(model, ["nvil"], seed=5) for _ in range(2))
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    for one, other in zip(first.rows, second.rows, strict=True):
        assert one.bias == other.bias and one.variance == other.variance


def test_baselines_settle_where_the_model_brings_none():
    """A running mean that has seen no data is a baseline of 0."""
    model = network("2H-3V", num_samples=1, estimator="concrete")
    names = ["reinforce_running_mean", "reinforce"]
    settled, plain = report_of(model, names, 200).part("posterior")
    assert settled.variance < 0.7 * plain.variance


def test_a_conditional_network_of_many_states_in_low_precision_is_reported():
    model = network("2V-4H-2H-3V", "concrete", arity=4, dtype="mixed_bfloat16")
    report = kc.gradient_report(
        model, (X[:, :2], X), ["reinforce_loo"], 40, jit_compile=False
    )
    parts = {"all", "prior and likelihood", "prior_1", "prior_2", "likelihood"}
    assert {row.part for row in report.rows} == parts
    assert all(np.isfinite([row.bias, row.variance]).all() for row in report.rows)


def test_a_clone_has_the_temperature_of_the_moment_and_what_is_frozen():
    schedule = kc.ExponentialAnnealing(1.0, rate=0.5, minimum=0.1, update_every=1)
    model = network("2H-3V", "concrete", posterior_temperature=schedule)
    model.get_layer("prior_1").trainable = False
    model.compile("sgd", run_eagerly=True)
    model.fit(X, epochs=3, verbose=0)
    clone = clones.clone_with(model, "vimco", 2, 0)
    assert clone.posterior_temperature == pytest.approx(float(schedule(3)))
    paths = [weight.path for weight in clones.network_weights(clone)]
    assert "prior_1/logits" not in paths and len(paths) == 4
    for weight in model.weights:
        [same] = [w for w in clone.weights if w.path == weight.path]
        np.testing.assert_array_equal(same, weight)


def test_a_clone_of_a_network_with_every_argument_has_its_likelihood():
    model = network(
        "2H~3V",
        "nvil",
        num_samples=1,
        encoder_units=5,
        centering=False,
        visible_mean=[0.2, 0.5, 0.9],
        kernel_regularizer="l2",
    )
    for estimator in ("reinforce", "nvil"):
        clone = clones.clone_with(model, estimator, 1, 0)
        np.testing.assert_array_equal(*(kc.exact_bound(m, X) for m in (model, clone)))
        assert clone.estimator == estimator
    [kept, same] = (m._bound.get_weights() for m in (model, clone))
    assert kept and all(map(np.array_equal, kept, same))
