"""Temperatures: those suggested, those refused and those warned of."""

import warnings

import pytest

import keras_concrete as kc


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), "warm", None, True])
def test_what_is_no_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a positive number"):
        kc.BinaryConcreteSample(temperature)


def test_suggested_temperatures_are_the_papers_where_it_has_them():
    assert kc.suggest_temperature(2)[:4] == (1 / 2, 2 / 3, 1 / 2, 1.0)
    assert kc.suggest_temperature(4)[:4] == (2 / 3, 1.0, 1 / 2, 1 / 3)
    assert kc.suggest_temperature(8)[:4] == (2 / 5, 2 / 3, 1 / 2, 1 / 7)
    # Of other numbers those of the nearest, or of the smaller of two as near.
    for num_states, nearest in ((3, 2), (5, 4), (6, 4), (7, 8), (64, 8)):
        advice = kc.suggest_temperature(num_states)
        assert advice[:3] == kc.suggest_temperature(nearest)[:3]
        assert advice.safe_below == 1 / (num_states - 1)
        assert f"for {nearest} states" in advice.reason
    with pytest.raises(ValueError, match="`num_states`"):
        kc.suggest_temperature(1)


def _warnings_of(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [w for w in caught if "interior of the simplex" in str(w.message)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: kc.BinaryConcreteSample(1.01),
        lambda: kc.ConcreteSample(1.01),
        lambda: kc.ConcreteLogProb(1.01, num_states=3, estimator="concrete"),
        lambda: kc.RelaxedKL(
            posterior_temperature=1.01, prior_temperature=1.01, estimator="concrete"
        ),
        lambda: kc.SigmoidBeliefNetwork("3H~2H-4V", posterior_temperature=1.01),
        lambda: kc.SigmoidBeliefNetwork("12H-4V", arity=8, prior_temperature=1.01),
    ],
    ids=["binary", "n-ary", "density", "KL", "network", "prior"],
)
def test_what_is_warmer_than_one_is_warned_of_once_where_the_user_made_it(make):
    [warning] = _warnings_of(make)
    assert "The temperature 1.01 is above 1" in str(warning.message)
    assert warning.filename == __file__
    assert _warnings_of(make) == []  # of a second layer, or a model that is loaded


def test_where_no_proposition_holds_or_it_will_cool_there_is_no_warning():
    kc.ConcreteSample(1.0)
    kc.ConcreteSample(kc.ExponentialAnnealing(10.0, minimum=0.1))
    for estimator in ("vimco", "straight_through", "gaussian", "logistic_normal"):
        kc.BinaryConcreteSample(2.0, estimator=estimator)


@pytest.mark.parametrize("arity", [2, 4, 8])
def test_the_papers_temperatures_have_no_warning(arity):
    kc.SigmoidBeliefNetwork("12H~12H~4V", arity=arity)
    kc.SigmoidBeliefNetwork("4V-12H-4V", arity=arity)
