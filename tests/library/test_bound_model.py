"""A model that maximises its own bound has Keras's methods, and takes no loss."""

import inspect

import keras
import numpy as np
import pytest

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).integers(0, 2, (24, 4)).astype("float32")


def network(**kwargs):
    return kc.SigmoidBeliefNetwork("3H-4V", **{"seed": 0, **kwargs})


@pytest.mark.parametrize("name", ["fit", "evaluate", "predict"])
def test_the_signature_is_that_of_keras(name):
    ours, theirs = (
        getattr(kind, name) for kind in (kc.SigmoidBeliefNetwork, keras.Model)
    )
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert ours is not theirs


def test_arguments_by_place_are_those_of_keras():
    model = network()
    model.compile("sgd")
    model.fit(X, None, 6, 2, 0)
    assert int(model.optimizer.iterations) == 2 * 4
    assert len(model.evaluate(X, None, 6, 0)) == 4
    assert model.predict(X, 6, 0)["bound"].shape == (24,)
    wrong = X[:, :3]
    for call in (
        lambda: model.fit(wrong),
        lambda: model.fit(X, validation_data=(wrong, None)),
        lambda: model.evaluate(wrong, None, 6),
        lambda: model.predict(wrong, 6),
    ):
        with pytest.raises(ValueError, match=r"`x` must have shape \(examples, 4\)"):
            call()
    assert int(model.optimizer.iterations) == 2 * 4


@pytest.mark.parametrize(
    ("arguments", "named", "given"),
    [
        (("sgd", "mse"), {}, "loss='mse'"),
        (("sgd",), {"loss": kc.NegativeBound()}, "loss=<.*NegativeBound"),
        (("sgd",), {"loss": {"bound": "mse"}}, "loss={'bound': 'mse'}"),
        (("sgd",), {"loss_weights": [0.5]}, r"loss_weights=\[0.5\]"),
        (("sgd", None, [0.5]), {}, r"loss_weights=\[0.5\]"),
    ],
)
@pytest.mark.parametrize("notation", ["3H-4V", "2V-3H-2V"])
def test_a_loss_is_refused_and_the_answer_says_how_to_compile(
    notation, arguments, named, given
):
    model = kc.SigmoidBeliefNetwork(notation, seed=0)
    with pytest.raises(
        ValueError, match=rf"(?s)own bound.*: compile\(optimizer\).*{given}"
    ):
        model.compile(*arguments, **named)


def test_all_else_that_compile_takes_is_kept_and_saved(tmp_path):
    model = network()
    model.compile(
        keras.optimizers.SGD(0.1), None, run_eagerly=False, steps_per_execution=2
    )
    model.fit(X, batch_size=6, verbose=0)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.steps_per_execution == 2 and not revived.run_eagerly
    assert float(revived.optimizer.learning_rate) == pytest.approx(0.1)
    again = [
        m.fit(X, batch_size=6, shuffle=False, verbose=0).history for m in (model, revived)
    ]
    assert again[0] == again[1]
