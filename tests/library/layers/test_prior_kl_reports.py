"""The weight of the KL that a sampler owns, and what is reported of it."""

import keras
import numpy as np
import pytest
from prior_models import (
    FIT,
    PRIORS,
    Subclassed,
    X,
    by_hand,
    exact_kl,
    exact_variance,
    history,
    owned,
    sampler,
)

# --- Weights of the term ------------------------------------------------------------


def only_kl(weight):
    """A model that is trained by nothing else, and does not move."""
    layer = sampler(2, prior="learned", kl_weight=weight)
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile(keras.optimizers.SGD(0.0))
    return model


def weights_of_steps(model, num_steps):
    """The loss of each step as a share of the term that is reported."""
    shares = []
    for _ in range(num_steps):
        model.reset_metrics()
        logs = model.train_on_batch(X, return_dict=True)
        shares.append(logs["loss"] / logs["code_kl"])
    return shares


def test_the_weight_is_a_number_a_schedule_of_steps_or_a_variable():
    np.testing.assert_allclose(weights_of_steps(only_kl(0.25), 2), 0.25, rtol=1e-6)
    schedule = keras.optimizers.schedules.PolynomialDecay(0.0, 4, 1.0)  # Warming up.
    expected = [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    np.testing.assert_allclose(
        weights_of_steps(only_kl(schedule), 6), expected, rtol=1e-6
    )
    variable = keras.Variable(0.5, trainable=False)
    model = only_kl(variable)
    np.testing.assert_allclose(weights_of_steps(model, 1), 0.5, rtol=1e-6)
    variable.assign(2.0)
    np.testing.assert_allclose(weights_of_steps(model, 1), 2.0, rtol=1e-6)
    assert model.layers[0].get_config()["kl_weight"] == 2.0


def test_evaluate_returns_the_term_once():
    model = owned("learned")
    model.compile("sgd", loss={"x": "mse"})
    loss, kl = model.evaluate(X, {"x": X}, verbose=0)
    assert model.metrics_names == ["loss", "code_kl"]
    found = model.evaluate(X, {"x": X}, verbose=0, return_dict=True)
    assert set(found) == {"loss", "code_kl"} and 0 < kl and 0.3 * kl < loss


def test_a_weight_of_zero_trains_as_if_there_were_no_term_and_reports_it():
    with_term = history(owned("uniform", weight=0))
    plain = by_hand("uniform", weight=None)
    assert with_term["loss"] == history(plain)["loss"]
    assert min(with_term["code_kl"]) > 0


# --- What is reported ---------------------------------------------------------------


class Predicts(keras.callbacks.Callback):
    """Runs the layer on other data, between steps and after an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.predict(100 * X, verbose=0)

    def on_epoch_end(self, epoch, logs=None):
        self.model.predict(100 * X, verbose=0)
        self.model(100 * X, training=True)


def test_what_is_reported_is_of_the_data_of_fit_and_evaluate_alone():
    model = only_kl(1.0)
    found = model.fit(X, **FIT, validation_data=(X,), callbacks=[Predicts()]).history
    for prefix in ("", "val_"):
        reported, loss = (found[f"{prefix}{name}"] for name in ("code_kl", "loss"))
        np.testing.assert_allclose(reported, loss, rtol=1e-5)
    model.predict(100 * X, verbose=0)
    again = model.evaluate(X, verbose=0, return_dict=True)
    assert again["code_kl"] == pytest.approx(again["loss"], rel=1e-5)


@pytest.mark.parametrize("make", [owned, Subclassed])
@pytest.mark.parametrize("prior", PRIORS)
def test_a_loaded_model_goes_on_as_the_one_that_was_saved(make, prior, tmp_path):
    model = make(prior)
    history(model)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    names = [weight.path for weight in revived.trainable_weights]
    assert any("prior_logits" in name for name in names) == (prior == "learned")
    ours, theirs = (m.fit(X, {"x": X}, **FIT).history for m in (model, revived))
    assert ours == theirs and "code_kl" in theirs


@pytest.mark.parametrize("wrap", ["TimeDistributed", "shared"])
def test_the_terms_of_several_calls_of_a_step_add_up_in_loss_and_report(wrap):
    series = np.random.default_rng(1).normal(size=(16, 3, 6)).astype("float32")
    layer = sampler(2, prior="learned")
    x = keras.Input((3, 6))
    if wrap == "TimeDistributed":
        states = keras.layers.TimeDistributed(layer)(x)
    else:
        states = keras.ops.stack([layer(x[:, i]) for i in range(3)], axis=1)
    model = keras.Model(x, states)
    model.compile(keras.optimizers.SGD(0.0))
    found = model.fit(series, **FIT, validation_data=(series,)).history
    for prefix in ("", "val_"):
        reported, loss = (found[f"{prefix}{name}"] for name in ("code_kl", "loss"))
        np.testing.assert_allclose(reported, loss, rtol=1e-5)
    many = np.tile(series, (100, 1, 1))
    logits, zeros = many.reshape(1600, 18), np.zeros((1600, 18))
    values = model.evaluate(many, batch_size=800, verbose=0, return_dict=True)
    expected = exact_kl(logits, zeros, 2).mean()
    error = np.sqrt(exact_variance(logits, zeros, 2).mean() / 1600)
    # 5 standard errors: false alarm once in a million seeds.
    assert abs(values["code_kl"] - expected) < 5 * error < 0.2 * expected
