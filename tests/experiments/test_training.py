"""Training by its settings, from the first step to the report."""

import dataclasses
import json

import numpy as np
import pytest
from tiny_runs import invoke, tiny_config, tiny_data

import keras_concrete as kc
from keras_concrete.experiments import fitting, training
from keras_concrete.experiments.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("_tiny", "eagerly")


def _config(**changes):
    return dataclasses.replace(tiny_config(), epochs=2, evaluation_samples=5, **changes)


def test_a_conditional_network_trains_on_the_halves_of_images(tmp_path):
    folder = RunFolder(tmp_path / "run")
    report = training.start(folder, _config(architecture="6V-4H-10V"))
    model, data = folder.model(), tiny_data()
    expected = kc.evaluate_bound(
        model, (data.test[:, :6], data.test[:, 6:]), 5, verbose=False
    )
    assert report.discrete_nll.mean == pytest.approx(-expected.mean, abs=1e-4)
    rates = (data.train[:, 6:].sum(0) + 1) / (len(data.train) + 2)
    assert model.visible_mean == pytest.approx(rates)
    assert (folder.path / "reconstructions.png").exists()
    assert (folder.path / "latent_usage.png").exists()
    result = invoke("evaluate", folder.path, "--num-samples", 5)
    assert result.exit_code == 0, result.output
    result = invoke("sample", folder.path)
    assert "no prior of its own" in str(result.exception)


def test_the_settings_reach_the_model_and_its_optimizer(tmp_path):
    config = _config(
        arity=4,
        architecture="4H-2H-16V",
        posterior_temperature=0.9,
        centering=False,
        steps_per_epoch=3,
        learning_rate_schedule="constant",
        weight_decay=0.02,
    )
    folder = RunFolder(tmp_path / "run")
    fitting.start_fit(folder, config, tiny_data())
    model = folder.model()
    assert int(model.optimizer.iterations) == 2 * 3
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    config = model.get_config()
    assert (config["arity"], config["centering"]) == (4, False)
    assert config["posterior_temperature"] == 0.9
    kernels = [w for w in model.weights if w.path.endswith("kernel")]
    penalty = 0.01 * sum(float(np.sum(np.square(w))) for w in kernels)
    assert float(sum(model.losses)) == pytest.approx(penalty, rel=1e-5)


OTHER_SETTINGS = [
    ({"epochs": 3}, "learning_rate"),
    ({"learning_rate": 0.02}, "learning_rate"),
    ({"learning_rate_schedule": "constant"}, "learning_rate"),
    ({"batch_size": 5}, "learning_rate"),
    ({"posterior_temperature": 0.9}, "posterior_temperature"),
    ({"weight_decay": 0.1}, "kernel_regularizer"),
    ({"seed": 4}, "seed"),
    ({"temperature_decay_rate": 0.5}, "prior_temperature"),
]


def test_a_run_is_not_resumed_by_other_settings(tmp_path):
    """Of more epochs the new ones would be trained at the rate 0 of the last's end."""
    folder = RunFolder(tmp_path / "run")
    fitting.start_fit(folder, _config(), tiny_data())
    settings = json.loads(folder.config_file.read_text())
    for changes, name in OTHER_SETTINGS:
        folder.config_file.write_text(json.dumps(settings | changes))
        message = rf"model.keras holds a network with {name}=.* makes it"
        with pytest.raises(ValueError, match=message):
            fitting.resume_fit(folder, tiny_data())
    folder.config_file.write_text(json.dumps(settings))
    other = tiny_data()._replace(train=1 - tiny_data().train)
    with pytest.raises(ValueError, match="a network that was not trained on tiny"):
        fitting.resume_fit(folder, other)


def test_a_run_by_constant_rates_may_be_made_longer(tmp_path):
    folder = RunFolder(tmp_path / "run")
    config = _config(learning_rate_schedule="constant", weight_decay=0.01)
    fitting.start_fit(folder, config, tiny_data())
    settings = json.loads(folder.config_file.read_text()) | {"epochs": 3}
    folder.config_file.write_text(json.dumps(settings))
    fitting.resume_fit(folder, tiny_data())
    assert folder.num_epochs() == 3
