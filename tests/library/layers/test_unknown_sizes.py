"""Sizes that a graph does not know are held to agree when it runs: none broadcasts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

SAMPLER = kc.BinaryConcreteSample(
    0.5, prior="given", kl_objective="analytic", inference="mode"
)


KL = kc.RelaxedKL(posterior_temperature=0.5, prior_temperature=0.5, estimator="concrete")


# A function, the shapes that it takes, and shapes that would broadcast.
CASES = {
    "a prior of one step for all": (SAMPLER, [(2, 5, 3)] * 2, 1, (2, 1, 3)),
    "a KL of one unit for all": (KL, [(4, 3)] * 3, 2, (4, 1)),
    "one pixel for all": (
        lambda x, logits: kc.BernoulliLogLikelihood()(x * 0, logits),
        [(2, 5)] * 2,
        1,
        (2, 1),
    ),
    "a latent that all samples share": (
        lambda p, q, shared: kc.MultiSampleBound("vimco")([p], [q, shared]),
        [(4, 3)] * 3,
        2,
        (4, 1),
    ),
    "log p of one sample": (
        lambda p, q: kc.MultiSampleBound("vimco")(p, q, training=True),
        [(4, 3)] * 2,
        0,
        (4, 1),
    ),
    **{
        f"log p of one sample, {name}": (
            lambda p, q, name=name: kc.MultiSampleBound(name)(p, q, training=True),
            [(4, 4)] * 2,
            0,
            other,
        )
        for name, other in {
            "reweighted_wake_sleep": (4, 1),
            "concrete_dreg": (4, 2),  # Each sample stands there twice.
        }.items()
    },
    "a mask of one unit for all": (
        lambda logits, allowed: kc.StateMask()(logits, allowed > -9),
        [(4, 5, 3), (4, 5, 3)],
        1,
        (4, 1, 3),
    ),
    "one unit's mask for all units and examples": (
        lambda logits, allowed: kc.StateMask()(logits, allowed > -9),
        [(4, 5, 3), (5, 3)],
        1,
        (1, 3),
    ),
}


@pytest.mark.parametrize(
    ("case", "jit_compile"),
    [*((case, False) for case in CASES), ("a latent that all samples share", True)],
)
def test_what_would_broadcast_is_refused_when_it_runs(case, jit_compile):
    function, shapes, place, other = CASES[case]
    generator = np.random.default_rng(0)
    fitting = [generator.normal(size=shape).astype("float32") for shape in shapes]
    unknown = [tf.TensorSpec([None] * len(shape)) for shape in shapes]
    graph = tf.function(function, input_signature=unknown, jit_compile=jit_compile)
    np.testing.assert_allclose(graph(*fitting), function(*fitting), rtol=1e-5)
    broadcast = [*fitting]
    broadcast[place] = generator.normal(size=other).astype("float32")
    # XLA leaves assertions out, and refuses to reshape.
    message = "reshape" if jit_compile else "must have the same shape|Received: .*shape"
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
        graph(*broadcast)


def test_sequences_of_any_length_are_refused_as_an_array_is():
    """A prior of one step for a whole sequence, in `evaluate` on a dataset."""
    x = keras.Input((None, 2))
    prior = keras.layers.GlobalAveragePooling1D(keepdims=True)(x)
    states = kc.BinaryConcreteSample(0.5, prior="given", seed=0)(x, prior)
    model = keras.Model(x, states)
    model.compile()
    data = tf.data.Dataset.from_generator(
        lambda: iter([(np.ones((2, 3, 2), "float32"),)] * 2),
        output_signature=(tf.TensorSpec((None, None, 2)),),
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="would mix up examples"):
        model.evaluate(data, steps=1, verbose=0)
