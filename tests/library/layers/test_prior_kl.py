"""The KL that a sampler owns: added to the loss and reported in any kind of model."""

import keras
import numpy as np
import pytest
from prior_models import (
    FIT,
    PRIOR_T,
    PRIORS,
    Subclassed,
    X,
    by_hand,
    dense,
    exact_kl,
    exact_variance,
    history,
    owned,
    sampler,
)

import keras_concrete as kc


@pytest.mark.parametrize(
    ("prior", "num_states", "num_samples"),
    [
        ("uniform", 2, None),
        ("uniform", 4, 3),
        ("learned", 2, 3),
        ("learned", 4, None),
        ("given", 2, 3),
        ("given", 4, None),
    ],
)
def test_it_is_the_kl_of_tensors_bit_for_bit(prior, num_states, num_samples):
    ours, expected = (
        history(make(prior, num_states, num_samples)) for make in (owned, by_hand)
    )
    assert ours == expected
    assert len(set(ours["loss"])) == 2 and min(ours["code_kl"]) > 0


@pytest.mark.parametrize("prior", PRIORS)
def test_a_subclassed_model_trains_as_a_functional_one(prior):
    assert history(Subclassed(prior)) == history(owned(prior))


@pytest.mark.parametrize("prior", ["uniform", "learned"])
def test_a_sequential_model_trains_as_a_functional_one(prior):
    layer = sampler(2, prior=prior, prior_temperature=PRIOR_T, kl_weight=0.3)
    model = keras.Sequential([keras.Input((6,)), dense(4, "q"), layer, dense(6, "p")])
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    found = model.fit(X, X, **FIT).history
    assert {name: found[name] for name in ("loss", "code_kl")} == history(owned(prior))


def evaluated(layer, inputs, q, p):
    """What `evaluate` returns of a sampler alone, and the prior's logits."""
    model = keras.Model(inputs, layer(*inputs))
    if layer.prior == "learned":
        [logits] = model.trainable_weights
        logits.assign(p[0])
    p = {"uniform": 0 * p, "learned": p[:1] + 0 * p, "given": p}[layer.prior]
    model.compile()
    data = [q, p][: len(inputs)]
    return model.evaluate(data, batch_size=2, verbose=0, return_dict=True), p


@pytest.mark.parametrize("units", [(3,), (2, 3)])
@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize("prior", PRIORS)
def test_outside_training_its_mean_is_the_discrete_kl_of_all_units(
    prior, num_states, units
):
    shape = units if num_states == 2 else (*units, num_states)
    q, p = np.random.default_rng(1).normal(size=(2, 5, *shape)).astype("float32")
    inputs = [keras.Input(shape) for _ in range(1 + (prior == "given"))]
    layer = sampler(num_states, num_samples=2000, prior=prior)
    found, p = evaluated(layer, inputs, q, p)
    assert found["loss"] == pytest.approx(found["code_kl"], rel=1e-5)
    expected = exact_kl(q, p, num_states)
    error = np.sqrt(exact_variance(q, p, num_states).mean() / (5 * 2000))
    # 5 standard errors: false alarm once in a million seeds.
    assert abs(found["code_kl"] - expected.mean()) < 5 * error < 0.2 * expected.mean()


@pytest.mark.parametrize("num_states", [2, 4])
@pytest.mark.parametrize("prior", PRIORS)
def test_of_a_declared_sample_axis_it_is_the_mean(prior, num_states):
    shape = (3,) if num_states == 2 else (3, num_states)
    generator = np.random.default_rng(2)
    q = generator.normal(size=(5, 7, *shape)).astype("float32")
    p = generator.normal(size=(5, *shape)).astype("float32")
    inputs = [keras.Input((7, *shape)), keras.Input(shape)][: 1 + (prior == "given")]
    layer = sampler(num_states, sample_axis=True, prior=prior, kl_objective="analytic")
    found, p = evaluated(layer, inputs, q, p)
    expected = exact_kl(q.reshape(35, *shape), np.repeat(p, 7, axis=0), num_states)
    assert found["loss"] == pytest.approx(found["code_kl"], rel=1e-5)
    assert found["code_kl"] == pytest.approx(expected.mean(), rel=1e-5)


# --- Refusals -----------------------------------------------------------------------

REFUSED = {
    "a temperature alone": (
        {"prior_temperature": 0.5},
        "`prior_temperature` is of no use without `prior`.*prior_temperature=0.5",
    ),
    "a weight alone": (
        {"kl_weight": 0.5},
        "`kl_weight` is of no use without `prior`.*kl_weight=0.5",
    ),
    "another word": (
        {"prior": "uniformly"},
        "one of 'uniform', 'learned', 'given'.*Did you mean 'uniform'",
    ),
    "a negative weight": (
        {"prior": "uniform", "kl_weight": -1.0},
        "`kl_weight` must be a number from 0 upward. Received: kl_weight=-1.0",
    ),
    "a schedule below 0": (
        {
            "prior": "uniform",
            "kl_weight": keras.optimizers.schedules.PolynomialDecay(-1.0, 5, 1.0),
        },
        "`kl_weight` must be a schedule of numbers from 0 upward.* is -1 at step 0",
    ),
    "a temperature of 0": (
        {"prior": "uniform", "prior_temperature": 0},
        "`prior_temperature` must be a positive number",
    ),
    "an estimator without paths": (
        {"prior": "uniform", "estimator": "vimco"},
        "The estimator 'vimco' has its gradient from the bound",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arguments_that_do_not_go_together_are_refused(case):
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        kc.BinaryConcreteSample(0.5, **arguments)


def test_calls_that_do_not_go_with_the_prior_are_refused():
    for prior, given in (("given", []), ("learned", [X]), (None, [X])):
        with pytest.raises(ValueError, match=f"prior={prior!r}, and is called with"):
            sampler(2, prior=prior)(X, *given)
    with pytest.raises(ValueError, match="pass `num_samples` to the constructor too"):
        sampler(2, prior="uniform")(X, num_samples=3)
    with pytest.raises(ValueError, match=r"units of known sizes.*prior='uniform'"):
        sampler(2, prior="learned")(keras.Input((None, 4)))


def test_calls_may_change_the_number_of_samples_of_a_layer_that_has_one():
    layer = sampler(2, prior="uniform", num_samples=3)
    assert layer(X, num_samples=5).shape == (16, 5, 6)
    assert len(layer.losses) == 1
