"""A gradient report finds the biases that there are, and none that there are not."""

import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete.gradients import comparison
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
    names = ["vimco", "reinforce_loo", "disarm", "reinforce_running_mean", "concrete"]
    return report_of(network(), names, 600)


def test_unbiased_estimators_have_no_bias_against_their_own_objective(report):
    assert report.references == {"bound": "exact", "mean ELBO": "exact"}
    objectives = {row.estimator: row.objective for row in report.rows}
    assert objectives["disarm"] == objectives["reinforce_loo"] == "mean ELBO"
    assert objectives["vimco"] == objectives["concrete"] == "bound"
    unbiased = [row for row in report.rows if row.estimator != "concrete"]
    # Intervals of 95%; the seed is fixed, and these 28 are not independent.
    assert sum(row.bias_low > 0 for row in unbiased) <= 3
    for row in unbiased:
        assert row.bias_low < 0.1 * row.reference_norm, row
        assert row.bias_high < 0.7 * row.reference_norm, row
    [concrete] = [row for row in report.part("posterior") if row.estimator == "concrete"]
    assert concrete.bias_low > 0.1 * concrete.reference_norm


def test_against_the_other_objective_there_is_a_bias(report, monkeypatch):
    """Which is why each estimator is set against its own."""
    loo = type(kc.estimators.get("reinforce_loo"))
    monkeypatch.setattr(loo, "objective", "bound")
    [wrong] = report_of(network(), ["reinforce_loo"], 600).part()
    assert wrong.bias_low > 0.05 * wrong.reference_norm


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


def test_the_long_run_stands_for_enumeration(monkeypatch, report):
    """Both objectives; the noise of the reference is in the intervals."""
    monkeypatch.setattr(comparison, "MAX_STATES", 1)
    long = report_of(network(), ["concrete", "reinforce_loo"], 400)
    assert long.references == {
        "bound": "vimco, 2 samples, 1600 draws",
        "mean ELBO": "reinforce_loo, 16 samples, 1600 draws",
    }
    for name, has_bias in (("concrete", True), ("reinforce_loo", False)):
        [exact] = [row for row in report.part() if row.estimator == name]
        [found] = [row for row in long.part() if row.estimator == name]
        assert found.reference_norm == pytest.approx(exact.reference_norm, rel=0.1)
        assert found.bias_low <= exact.bias_high and exact.bias_low <= found.bias_high
        assert (found.bias_low > 0) == has_bias
        assert found.draw_cosine == pytest.approx(exact.draw_cosine, abs=0.1)


def test_by_default_all_that_are_for_the_network_are_compared(monkeypatch):
    monkeypatch.setattr(reports.registry, "names", lambda: ["nvil", "straight_through"])
    report = report_of(network())
    assert [row.estimator for row in report.part()] == ["straight_through"]
    assert list(report.skipped) == ["nvil"] and "one sample" in report.skipped["nvil"]


def test_the_model_and_the_noise_to_come_stay_as_they_are():
    model = network(estimator="nvil", num_samples=1)
    before = [np.array(variable) for variable in model.variables]
    first, second = (report_of(model, ["nvil", "reinforce"], seed=5) for _ in range(2))
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    for one, other in zip(first.rows, second.rows, strict=True):
        assert one.bias == other.bias and one.variance == other.variance
    assert report_of(model, ["nvil"], seed=6).rows[0].variance != first.rows[0].variance


def test_baselines_settle_where_the_model_brings_none():
    """A running mean that has seen no data is a baseline of 0."""
    settled, plain = report_of(
        network(num_samples=1, estimator="concrete"),
        ["reinforce_running_mean", "reinforce"],
        200,
    ).part("posterior")
    assert settled.variance < 0.7 * plain.variance


def test_a_conditional_network_of_many_states_in_low_precision_is_reported():
    model = network("2V-4H-2H-3V", "concrete", arity=4, dtype="mixed_bfloat16")
    data = (X[:, :2], X)
    report = kc.gradient_report(
        model, data, ["reinforce_loo", "concrete"], 40, jit_compile=False
    )
    assert {row.part for row in report.rows} == {
        *("all", "prior and likelihood", "prior_1", "prior_2", "likelihood")
    }
    assert all(np.isfinite([row.bias, row.variance]).all() for row in report.rows)


def test_a_schedule_counts_with_its_temperature_of_the_moment():
    schedule = kc.ExponentialAnnealing(1.0, rate=0.5, minimum=0.1, update_every=1)
    cooled = network(posterior_temperature=schedule, estimator="concrete")
    cooled.compile("sgd", jit_compile=False)
    cooled.fit(X, epochs=3, verbose=0)
    now = float(schedule(3))
    fixed = network(posterior_temperature=now, estimator="concrete")
    fixed.set_weights(cooled.get_weights())
    rows = [report_of(model, ["concrete"]).rows[0] for model in (cooled, fixed)]
    assert rows[0].variance == pytest.approx(rows[1].variance, rel=1e-5)
