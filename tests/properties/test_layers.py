"""Every layer keeps the contract of `layer_checks`."""

import keras
import pytest
from layer_checks import check_layer

import keras_concrete as kc

SCORE = {"estimator": "concrete", "sample_axis": True}
TILT = keras.initializers.RandomNormal(stddev=3.0, seed=0)
KL = {"posterior_temperature": 2 / 3, "prior_temperature": 1 / 2}
START = keras.initializers.RandomNormal(seed=1)


def codebook(num_codes, from_logits=False, dtype=None, name=None, **sampler):
    """From the arguments of its sampler."""
    sampler = kc.ConcreteSample(1.0, seed=3, **sampler)
    return kc.CategoricalCodebook(
        num_codes, 3, sampler, from_logits, START, dtype=dtype, name=name
    )


def residual(**kwargs):
    levels = [codebook(4, name=f"level_{i}") for i in range(2)]
    return kc.ResidualCodebook(levels, **kwargs)


def world(**kwargs):
    keras.utils.set_random_seed(0)  # Of the weights.
    return kc.DiscreteStateRNN(kc.DiscreteStateCell(4, 2, 3, seed=3), **kwargs)


@keras.saving.register_keras_serializable("tests")
def ranks(scores):
    return keras.ops.argsort(keras.ops.argsort(scores, axis=-1), axis=-1)


@keras.saving.register_keras_serializable("tests")
def best_in_rows(tables):
    return keras.ops.argmax(tables, axis=-1)


CASES = {
    "binary": (lambda **k: kc.BinaryConcreteSample(0.5, seed=3, **k), (6,)),
    "binary with samples and node": (
        lambda **k: kc.BinaryConcreteSample(
            0.5, num_samples=5, return_node=True, seed=3, **k
        ),
        (6,),
    ),
    "binary mode": (
        lambda **k: kc.BinaryConcreteSample(0.5, inference="mode", seed=3, **k),
        (2, 6),
    ),
    "binary with a prior": (
        lambda **k: kc.BinaryConcreteSample(0.5, prior="learned", seed=3, **k),
        (5, 6),
    ),
    "n-ary": (lambda **k: kc.ConcreteSample(1.0, seed=3, **k), (6, 4)),
    "n-ary with a prior of the call": (
        lambda **k: kc.ConcreteSample(1.0, prior="given", seed=3, **k),
        (6, 4),
        (6, 4),
    ),
    "n-ary with samples and node": (
        lambda **k: kc.ConcreteSample(1.0, num_samples=5, return_node=True, seed=3, **k),
        (6, 4),
    ),
    "binary code": (lambda **k: kc.HypercubeCode(**k), (5, 6)),
    "n-ary code": (lambda **k: kc.HypercubeCode(8, **k), (5, 6, 8)),
    "n-ary code of a grid": (lambda **k: kc.HypercubeCode(8, False, **k), (5, 6, 8)),
    "n-ary code of units": (lambda **k: kc.HypercubeCode(8, **k), (6, 8)),
    "log prob": (
        lambda **k: kc.ConcreteLogProb(0.5, **SCORE, **k),
        (5, 6),
        (6,),
    ),
    "log prob of a grid": (
        lambda **k: kc.ConcreteLogProb(0.5, estimator="concrete", **k),
        (5, 6),
        (5, 6),
    ),
    "n-ary log prob": (
        lambda **k: kc.ConcreteLogProb(0.5, num_states=4, **SCORE, **k),
        (5, 6, 4),
        (6, 4),
    ),
    "KL in closed form, of manners": (
        lambda **k: kc.RelaxedKL(
            **KL,
            objective="analytic",
            loss_weight=1,
            balance=0.8,
            free_nats=1,
            **SCORE,
            **k,
        ),
        (5, 6),
        (6,),
        (6,),
    ),
    "KL": (
        lambda **k: kc.RelaxedKL(**KL, **SCORE, **k),
        (5, 6),
        (6,),
        (5, 6),
    ),
    "KL, equation 21": (
        lambda **k: kc.RelaxedKL(**KL, objective="relaxed_mass", **SCORE, **k),
        (5, 6),
        (6,),
        (6,),
    ),
    "n-ary KL, equation 22": (
        lambda **k: kc.RelaxedKL(**KL, num_states=4, objective="analytic", **SCORE, **k),
        (5, 6, 4),
        (6, 4),
        (6, 4),
    ),
    "free logits": (lambda **k: kc.LearnedLogits(3, **k), (7,)),
    "n-ary free logits": (lambda **k: kc.LearnedLogits(3, 4, **k), (7,)),
    "free logits of a grid": (lambda **k: kc.LearnedLogits((2, 3), 4, **k), (7,)),
    "hard gates": (
        lambda **k: kc.HardConcrete(l0_weight=0.1, logits_initializer=TILT, seed=3, **k),
        (5, 6),
    ),
    "hard gates of a target": (
        lambda **k: kc.HardConcrete((1, -1), target_sparsity=0.5, seed=3, **k),
        (2, 5, 6),
    ),
    "subset": (lambda **k: kc.SubsetSample(3, 0.5, seed=3, **k), (5, 6)),
    "ordered subset with samples": (
        lambda **k: kc.SubsetSample(3, 0.5, 4, True, seed=3, **k),
        (6,),
    ),
    "ranks": (lambda **k: kc.PerturbedArgmax(ranks, seed=3, **k), (5, 6)),
    "solutions of tables with samples": (
        lambda **k: kc.PerturbedArgmax(best_in_rows, 4, num_axes=2, seed=3, **k),
        (5, 3, 2),
    ),
    "state mask": (lambda **k: kc.StateMask(**k), (5, 6), (5, 6)),
    "codebook of logits with samples and nodes": (
        lambda **k: codebook(4, True, num_samples=2, return_node=True, **k),
        (5, 4),
    ),
    "codebook with a prior of the call": (
        lambda **k: codebook(4, prior="given", inference="mode", **k),
        (5, 3),
        (5, 4),
    ),
    "residual codebook": (residual, (2, 3)),
    "states of a sequence": (world, (2, 6)),
    "centering": (lambda **k: kc.Centering(0.8, **k), (5, 6)),
    "likelihood": (
        lambda **k: kc.BernoulliLogLikelihood(sample_axis=True, **k),
        (6,),
        (5, 6),
    ),
    "likelihood of a grid": (
        lambda **k: kc.BernoulliLogLikelihood(**k),
        (5, 6),
        (5, 6),
    ),
    "bound": (lambda **k: kc.MultiSampleBound("concrete", **k), (5,), (5,)),
    "bound of one sample": (lambda **k: kc.MultiSampleBound("concrete", **k), (), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_layer_keeps_the_contract(case):
    make, *input_shapes = CASES[case]
    check_layer(make, *input_shapes)


LAYERS = {
    name: value
    for name in kc.__all__
    if isinstance(value := getattr(kc, name), type)
    and issubclass(value, keras.layers.Layer)
    and not issubclass(value, keras.Model)
}


def test_all_public_layers_are_checked():
    checked = {type(make()) for make, *_ in CASES.values()}
    assert set(LAYERS.values()) - {kc.DiscreteStateCell} == checked  # In its RNN.


@pytest.mark.parametrize("name", LAYERS)
def test_docstrings_have_their_sections(name):
    sections = ("Args:", "Output shape:", "Raises:", "Example:")
    missing = [section for section in sections if section not in LAYERS[name].__doc__]
    assert not missing
