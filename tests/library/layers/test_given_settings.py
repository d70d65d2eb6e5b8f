"""Settings are checked as a layer is made, and stay as they were given."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

SAMPLER = {"temperature": 0.5, "prior_temperature": 0.5, "kl_weight": 1.0}
CONSTANTS = {
    **{"estimator": "concrete", "prior": "learned", "kl_objective": "relaxed"},
    **{"kl_balance": 0.8, "free_nats": 1.0},
}
SETTINGS = {
    kc.BinaryConcreteSample: (SAMPLER, CONSTANTS),
    kc.ConcreteSample: (SAMPLER, CONSTANTS),
    kc.ConcreteLogProb: ({"temperature": 0.5}, {}),
    kc.RelaxedKL: (
        {"posterior_temperature": 0.5, "prior_temperature": 0.5, "loss_weight": 1.0},
        {},
    ),
    kc.HardConcrete: ({"temperature": 0.5, "l0_weight": 1.0}, {}),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_an_assignment_that_a_compiled_step_would_not_see_is_refused(kind):
    settings, constants = SETTINGS[kind]
    layer = kind(**settings, **constants)
    for name in (*settings, *constants):
        ways = "schedule.*Variable" if name in settings else "Make another layer"
        advice = f"`{name}` of the layer '{layer.name}' is fixed .*{ways}"
        with pytest.raises(AttributeError, match=advice):
            setattr(layer, name, 0.4)
    config = layer.get_config()
    for name, value in (*settings.items(), *constants.items()):
        assert getattr(layer, name) == config[name] == value


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_variable_that_an_optimizer_would_train_is_refused(kind):
    settings, constants = SETTINGS[kind]
    for name in settings:
        with pytest.raises(ValueError, match=f"Argument `{name}` .*trainable=False"):
            kind(**{**settings, **constants, name: keras.Variable(0.5)})


def test_a_variable_that_is_no_scalar_is_refused():
    several = keras.Variable(np.ones(2, "float32"), trainable=False)
    with pytest.raises(ValueError, match=r"`temperature` must be a scalar.*\(2,\)"):
        kc.BinaryConcreteSample(several)
