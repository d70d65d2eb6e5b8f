"""Pieces of a training graph that XLA compiles, in models as people write them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete.graphs import compiles_pieces, piecewise_compiled

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


def _model(**settings):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    bits = kc.BinaryConcreteSample(0.5, seed=0)(keras.layers.Dense(6)(x))
    model = keras.Model(x, keras.layers.Dense(4)(bits))
    model.compile("sgd", "mse", **settings)
    return model


def _compiled_functions(graph):
    return [
        function.signature.name
        for function in graph.as_graph_def().library.function
        if function.attr["_XlaMustCompile"].b
    ]


def test_only_inside_of_a_graph_and_only_where_it_was_asked_for():
    asked = []

    @tf.function(autograph=False)
    def graph():
        with piecewise_compiled(True):
            asked.append(compiles_pieces())
        asked.append(compiles_pieces())

    graph()
    with piecewise_compiled(True):
        asked.append(compiles_pieces())
    assert asked == [True, False, False]


@pytest.mark.parametrize("training", [True, False])
def test_the_noise_of_training_is_such_a_piece_and_that_of_a_saved_graph_is_not(training):
    model = _model()
    graph = tf.function(lambda x: model(x, training=training)).get_concrete_function(
        tf.TensorSpec((None, 4))
    )
    assert bool(_compiled_functions(graph.graph)) is training


def test_a_plain_fit_draws_what_eager_training_and_xla_draw():
    fitted = [
        _model(**settings)
        for settings in (
            {"jit_compile": False},
            {"jit_compile": True},
            {"run_eagerly": True},
        )
    ]
    losses = [
        model.fit(X, X, batch_size=5, shuffle=False, epochs=2, verbose=0).history["loss"]
        for model in fitted
    ]
    np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-5)


def test_replicas_loops_and_jacobians_take_the_pieces():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        copied = kc.BinaryConcreteSample(0.5, seed=0)
        copied.build((None, 4))

    @tf.function
    def replicas(x):
        return strategy.run(lambda: copied(x, training=True))

    draws = strategy.experimental_local_results(replicas(tf.constant(X)))
    assert not np.any(np.asarray(draws[0]) == np.asarray(draws[1]))

    sampler = kc.BinaryConcreteSample(0.5, seed=0)
    sampler.build((None, 4))

    @tf.function
    def loop(x):
        for _ in tf.range(3):
            x = sampler(x, training=True)
        return x

    @tf.function
    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = sampler(x, training=True)
        return tape.batch_jacobian(y, x)

    assert np.isfinite(loop(tf.constant(X))).all()
    slopes = np.asarray(jacobian(tf.constant(X)))
    assert np.all(np.diagonal(slopes, axis1=1, axis2=2) > 0)
