"""Cases of bad gates, subsets, masks and temperatures to learn, and their answers."""

import keras
import numpy as np

import keras_concrete as kc

ROWS = np.zeros((4, 3), "float32")
GRID = np.zeros((4, 3, 5), "float32")


def shrunk(*layers, inputs=(6,), closed=2, **gate):
    """Shrinks a model of layers, in which None is a gate that has some closed."""
    start = keras.initializers.Constant([-9.0] * closed + [9.0] * (4 - closed))
    gate = kc.HardConcrete(logits_initializer=start, name="gate", **gate)
    parts = [gate if layer is None else layer for layer in layers]
    return kc.shrink(keras.Sequential([keras.Input(inputs), *parts]))


def dense(units=4, **kwargs):
    return keras.layers.Dense(units, name="reader" if units == 1 else "maker", **kwargs)


# What is done, and the sentence that must answer it.
BAD_CHOICES = {
    # gates
    "gates of the batch": (
        lambda: kc.HardConcrete(axis=0),
        "`axis` must be .* not 0, the axis of the batch. Received: axis=0",
    ),
    "gates of no axis": (lambda: kc.HardConcrete(axis=()), r"`axis` must be .*axis=\(\)"),
    "an axis that is a word": (lambda: kc.HardConcrete("last"), "`axis` .*axis='last'"),
    "an axis that the input lacks": (
        lambda: kc.HardConcrete(axis=2)(ROWS),
        r"an axis of its input .*inputs.shape=\(4, 3\)",
    ),
    "one axis twice": (
        lambda: kc.HardConcrete(axis=(1, -1))(ROWS),
        r"named once .*Received: inputs.shape=\(4, 3\)",
    ),
    "gates of an unknown size": (
        lambda: kc.HardConcrete(axis=1)(keras.Input((None, 5))),
        r"of a known size. Received: inputs.shape=\(None, None, 5\)",
    ),
    "a stretch of 0": (
        lambda: kc.HardConcrete(stretch=0),
        "`stretch` must be a positive number. Received: stretch=0",
    ),
    "a weight of L0 below 0": (
        lambda: kc.HardConcrete(l0_weight=-1),
        "`l0_weight` must be a number from 0 upward. Received: l0_weight=-1",
    ),
    "all gates to be closed": (
        lambda: kc.HardConcrete(target_sparsity=1.0),
        "`target_sparsity` must be .*above 0 and below 1. Received: target_sparsity=1.0",
    ),
    "a weight and a target": (
        lambda: kc.HardConcrete(l0_weight=0.1, target_sparsity=0.5),
        "`l0_weight` and `target_sparsity` exclude one another",
    ),
    # shrinking
    "shrinking a layer": (
        lambda: kc.shrink(keras.layers.Dense(2)),
        "`model` must be a functional or Sequential model",
    ),
    "shrinking a model without inputs": (
        lambda: kc.shrink(keras.Sequential([keras.layers.Dense(2)])),
        "Call a Sequential model on data first",
    ),
    "gates before LayerNormalization": (
        lambda: shrunk(dense(), None, keras.layers.LayerNormalization(name="norm")),
        "the 2 channels or units that the gates 'gate' close: 'norm', a Layer.* reads",
    ),
    "gates of what the model returns": (
        lambda: shrunk(dense(), None),
        "the gates 'gate' close: the model returns them",
    ),
    "gates of what the model is given": (
        lambda: shrunk(None, dense(1), inputs=(4,)),
        "the gates 'gate' close: the model is given them",
    ),
    "gates behind an embedding": (
        lambda: shrunk(
            keras.layers.Embedding(9, 4, name="words"), None, dense(1), inputs=(3,)
        ),
        "'words', a Embedding, makes them",
    ),
    "gates behind a softmax": (
        lambda: shrunk(dense(activation="softmax"), None, dense(1)),
        "'maker', a Dense, makes them, with an activation that may mix them",
    ),
    "gates of places": (
        lambda: shrunk(
            keras.layers.Conv1D(2, 2),
            keras.layers.Flatten(name="flat"),
            None,
            dense(1),
            inputs=(3, 1),
            closed=1,
        ),
        "'flat' lays out the places of a channel, of which some are open: put the gates",
    ),
    "gates before an offset that is padded": (
        lambda: shrunk(
            dense(),
            None,
            keras.layers.Activation("sigmoid"),
            keras.layers.Conv1D(2, 3, padding="same", name="wide"),
            inputs=(5, 6),
        ),
        "'wide', a Conv1D, pads with zeros beside channels that are not 0",
    ),
    "no gate open": (
        lambda: shrunk(dense(), None, dense(1), closed=4),
        "All the gates of 'gate' have closed: .*smaller `l0_weight`",
    ),
    "gates of another axis": (
        lambda: shrunk(dense(), None, axis=1, inputs=(4, 6)),
        r"'gate' gates axis=1 of \(None, 4, 4\)",
    ),
    "gates within a model": (
        lambda: shrunk(keras.Sequential([keras.Input((6,)), kc.HardConcrete()])),
        "shrink cannot look into 'sequential.*', a Sequential with gates inside",
    ),
    # subsets
    "half a subset": (
        lambda: kc.SubsetSample(2.5, 1.0),
        "`k` must be a positive integer. Received: k=2.5",
    ),
    "a subset of all": (
        lambda: kc.SubsetSample(3, 1.0)(ROWS),
        r"more than k=3 states on the last axis. Received: logits.shape=\(4, 3\)",
    ),
    "a subset at temperature 0": (
        lambda: kc.SubsetSample(2, 0.0),
        "`temperature` must be a positive number. Received: temperature=0.0",
    ),
    "a word for an order": (
        lambda: kc.SubsetSample(2, 1.0, ordered="yes"),
        "`ordered` must be True or False. Received: ordered='yes'",
    ),
    "an estimator that subsets lack": (
        lambda: kc.SubsetSample(2, 1.0, estimator="vimco"),
        "`estimator` must be one of 'concrete', 'straight.*Received: estimator='vimco'",
    ),
    "0 samples of subsets": (
        lambda: kc.SubsetSample(2, 1.0)(ROWS, num_samples=0),
        "`num_samples` must be a positive integer. Received: num_samples=0",
    ),
    # solutions of problems
    "a problem without a solver": (
        lambda: kc.PerturbedArgmax("argmax"),
        "`argmax` must be a function from scores.*Received: argmax='argmax'",
    ),
    "problems of no axis": (
        lambda: kc.PerturbedArgmax(keras.ops.argsort, num_axes=0),
        "`num_axes` must be a positive integer. Received: num_axes=0",
    ),
    "0 samples of solutions": (
        lambda: kc.PerturbedArgmax(keras.ops.argsort, 0),
        "`num_samples` must be a positive integer. Received: num_samples=0",
    ),
    "scores without examples": (
        lambda: kc.PerturbedArgmax(keras.ops.argsort, num_axes=2)(ROWS),
        r"num_axes=2 axes of known sizes in `shape`. Received: scores.shape=\(4, 3\)",
    ),
    "one solution for all": (
        lambda: kc.PerturbedArgmax(keras.ops.max)(ROWS),
        r"a solution for each problem.*shape \(\) for scores of shape \(4, 3\)",
    ),
    # flags
    **{
        f"{name} as a word": (
            make,
            f"`{name}` must be True or False. Received: {name}='no'",
        )
        for name, make in {
            "return_node": lambda: kc.ConcreteSample(0.5, return_node="no"),
            "sample_axis": lambda: kc.ConcreteLogProb(0.5, sample_axis="no"),
        }.items()
    },
    "pixels with a word": (
        lambda: kc.BernoulliLogLikelihood("no"),
        "`sample_axis` must be True or False",
    ),
    "a choice that is an array": (
        lambda: kc.ConcreteSample(0.5, inference=ROWS),
        "`inference` must be one of 'sample', 'mode'",
    ),
    # masks
    "a mask of numbers": (
        lambda: kc.StateMask()(ROWS, np.ones(3, "float32")),
        "`allowed` must be boolean, .*Received: allowed.dtype=float32",
    ),
    "a mask of other states": (
        lambda: kc.StateMask()(GRID, np.ones((3, 4), bool)),
        r"`allowed` must have the shape of `logits`, .*allowed.shape=\(3, 4\), log.*5\)",
    ),
    "a mask of more axes": (
        lambda: kc.StateMask()(ROWS, np.ones((1, 4, 3), bool)),
        r"`allowed` must have the shape of `logits`.*allowed.shape=\(1, 4, 3\)",
    ),
    # temperatures to learn
    "a number to learn": (
        lambda: kc.LearnedTemperature(0.5, ROWS),
        r"`temperature` must be the scalar variable .*keras.Variable\(0.5, trainable=F",
    ),
    "one draw to learn from": (
        lambda: kc.LearnedTemperature(keras.Variable(0.5), ROWS, num_draws=1),
        "`num_draws` must be at least 2",
    ),
}
