"""What docs/limits.md says that does not go, and what happens then."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def _code():
    return kc.BinaryConcreteSample(0.5, prior="uniform", name="code")


def test_losses_that_layers_add_ignore_sample_weights():
    model = keras.Sequential([keras.Input((4,)), _code()])
    model.compile("sgd", "mse")
    nothing = np.zeros(len(X), "float32")
    found = model.evaluate(X, X, sample_weight=nothing, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(found["code_kl"]) and found["code_kl"] > 0.1


def test_of_two_samplers_of_one_name_one_is_logged():
    x = keras.Input((4,))
    # In two copies of an encoder: a model wants names of its own layers that differ.
    first, second = (keras.Sequential([_code()], name=name) for name in "ab")
    model = keras.Model(x, first(x) + second(x))
    model.compile("sgd", "mse")
    logs = model.evaluate(X, X, verbose=0, return_dict=True)
    assert [name for name in logs if "code" in name] == ["code_kl"]


def test_a_recurrent_layer_of_discrete_states_runs_forward_only():
    cell = kc.DiscreteStateCell(2, num_variables=2, num_states=2)
    with pytest.raises(ValueError, match="go_backwards"):
        keras.layers.Bidirectional(kc.DiscreteStateRNN(cell))


def test_a_clone_of_a_belief_network_is_a_plain_functional_model():
    model = kc.SigmoidBeliefNetwork("3H-4V", seed=0)
    clone = keras.models.clone_model(model)
    assert type(clone) is not kc.SigmoidBeliefNetwork
    assert isinstance(clone, keras.Model)
    again = kc.SigmoidBeliefNetwork.from_config(model.get_config())
    assert str(again.architecture) == str(model.architecture)
