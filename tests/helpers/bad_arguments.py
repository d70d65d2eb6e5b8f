"""Cases of bad arguments, of layers, distributions and networks, and their answers."""

import functools

import keras
import numpy as np

import keras_concrete as kc
from keras_concrete import distributions, estimators
from keras_concrete.networks.notation import parse_architecture

BINARY = np.zeros((4, 3), "float32")
N_ARY = np.zeros((4, 3, 5), "float32")
CONCRETE = type(estimators.get("concrete"))
TEMPERATURE = "`temperature` must be a positive number. Received: temperature="


def kl(posterior=1.0, prior=1.0, **kwargs):
    return kc.RelaxedKL(
        posterior_temperature=posterior, prior_temperature=prior, **kwargs
    )


def log_prob(**kwargs):
    return kc.ConcreteLogProb(1.0, estimator="concrete", **kwargs)


@functools.cache
def network(notation="3H-6V", **options):
    model = kc.SigmoidBeliefNetwork(notation, seed=0, **options)
    model.compile("sgd")
    return model


# What is done, and the sentence that must answer it.
BAD_ARGUMENTS = {
    # temperatures
    "temperature 0": (lambda: kc.BinaryConcreteSample(0), f"{TEMPERATURE}0"),
    "temperature below 0": (lambda: kc.ConcreteSample(-0.5), f"{TEMPERATURE}-0.5"),
    "temperature NaN": (lambda: kc.ConcreteSample(np.nan), f"{TEMPERATURE}nan"),
    "temperature infinite": (lambda: kc.ConcreteLogProb(np.inf), f"{TEMPERATURE}inf"),
    "temperature a word": (lambda: kc.ConcreteSample("warm"), f"{TEMPERATURE}'warm'"),
    "temperature None": (lambda: kc.BinaryConcreteSample(None), f"{TEMPERATURE}None"),
    "temperature of KL": (
        lambda: kl(prior=0.0),
        "`prior_temperature` must be a positive number. Received: prior_temperature=0.0",
    ),
    "temperature [n, 1] against [n, k]": (
        lambda: distributions.BinaryConcrete(np.ones((4, 1)), BINARY),
        r"`temperature` must be a scalar or .*temperature.shape=\(4, 1\), .*=\(4, 3\)",
    ),
    "temperature NaN of a distribution": (
        lambda: distributions.ExpConcrete(np.nan, N_ARY),
        "`temperature` must be positive and finite. Received: temperature=nan",
    ),
    "temperature 0 of the control": (
        lambda: distributions.ExpLogisticNormal(0.0, N_ARY),
        "`temperature` must be positive and finite. Received: temperature=0.0",
    ),
    "prior temperature of a network": (
        lambda: network(prior_temperature=np.nan),
        "`prior_temperature` must be a positive number. Received: prior_temp.*=nan",
    ),
    "posterior temperature of a network": (
        lambda: network(posterior_temperature=0),
        "`posterior_temperature` must be a positive number",
    ),
    "two temperatures of a conditional network": (
        lambda: network("2V-3H-4V", prior_temperature=0.5),
        "one temperature .*pass `posterior_temperature` only",
    ),
    "no temperature known for an arity": (
        lambda: network("4H-6V", arity=16),
        "arity 2, 4 and 8: for any other pass `prior_temperature`.*arity=16",
    ),
    "temperature [n, 1] of a layer": (
        lambda: kc.BinaryConcreteSample(np.ones((4, 1))),
        "`temperature` must be a positive number. Received: temperature=array",
    ),
    "a schedule from 0": (
        lambda: kc.ConcreteSample(keras.optimizers.schedules.PolynomialDecay(0.0, 9)),
        "`temperature` must be a schedule of positive numbers.* is 0 at step 0",
    ),
    "a rate below 0": (
        lambda: kc.ExponentialAnnealing(1.0, rate=-1),
        "`rate` must be a positive number. Received: rate=-1",
    ),
    "advice for one state": (
        lambda: kc.suggest_temperature(1),
        "`num_states` must be an integer, 2 .*num_states=1",
    ),
    # shapes and states
    "binary logits of rank 1": (
        lambda: kc.BinaryConcreteSample(1.0)(BINARY[0]),
        r"shape \(batch, \*units\). Received: logits.shape=\(3,\)",
    ),
    "logits of one state": (
        lambda: kc.ConcreteSample(1.0)(N_ARY[..., :1]),
        r"at least 2 states on the last axis; .*BinaryConcreteSample. .*\(4, 3, 1",
    ),
    "logits of no state, of a distribution": (
        lambda: distributions.Discrete(N_ARY[..., :0]),
        r"final dimension >= 1: .*states on its last axis. Received: .*\(4, 3, 0\)",
    ),
    "a node of one coordinate for five": (
        lambda: distributions.ExpConcrete(1.0, N_ARY).log_prob(BINARY[..., None]),
        r"`value` must have one coordinate for each .*value.shape=\(4, 3, 1\), .*3, 5\)",
    ),
    "a Gaussian node of one coordinate": (
        lambda: distributions.ExpLogisticNormal(1.0, N_ARY).log_prob(BINARY[..., None]),
        "`value` must have one coordinate for each state",
    ),
    "a simplex of other states": (
        lambda: distributions.Concrete(1.0, N_ARY).log_prob(N_ARY[..., :4]),
        "`value` must have one coordinate for each state",
    ),
    "a one-hot state of other states": (
        lambda: distributions.Discrete(N_ARY).log_prob(N_ARY[..., :4]),
        "`value` must have one coordinate for each state",
    ),
    "logits of another batch": (
        lambda: log_prob()(BINARY, BINARY[:1]),
        r"must have the shape of `node`.*logits.shape=\(1, 3\), node.shape=\(4, 3\)",
    ),
    "logits of rank 2 against three samples": (
        lambda: log_prob(sample_axis=True)(np.zeros((4, 2, 3)), BINARY[:, :1]),
        r"must have the shape of `node`.*logits.shape=\(4, 1\)",
    ),
    "a node of other states": (
        lambda: log_prob(num_states=4)(N_ARY, N_ARY),
        r"expects a node .*units, 4\). Received: node.shape=\(4, 3, 5\). Pass num_states",
    ),
    "pixels of another number": (
        lambda: kc.BernoulliLogLikelihood()(BINARY[:, :2], BINARY),
        r"`x` must have the shape of `logits`.*x.shape=\(4, 2\), logits.shape=\(4, 3\)",
    ),
    "terms that would broadcast": (
        lambda: kc.MultiSampleBound("concrete")(BINARY, BINARY[:, :1]),
        r"same shape, \(batch, num_samples\).*\(4, 1\), \(4, 3\)",
    ),
    "a tensor in place of two": (
        lambda: log_prob()(BINARY[:2]),
        "missing a required argument: 'logits'",
    ),
    "two tensors in place of three": (
        lambda: kl()(BINARY, BINARY),
        "missing a required argument: 'prior_logits'",
    ),
    "logits without data": (
        lambda: kc.BernoulliLogLikelihood()(BINARY[:2]),
        "missing a required argument: 'logits'",
    ),
    "one term for two": (
        lambda: kc.MultiSampleBound()(BINARY[:2]),
        "missing a required argument: 'log_posterior'",
    ),
    "no terms": (
        lambda: kc.MultiSampleBound("nvil")([], [BINARY]),
        r"needs at least one tensor of log p.* Received: an empty list",
    ),
    "no terms of log q": (
        lambda: kc.MultiSampleBound("concrete")(BINARY, []),
        r"needs at least one tensor .* and one of log q.* Received: an empty list",
    ),
    "arity 6": (
        lambda: network("6H-6V", arity=6, prior_temperature=1, posterior_temperature=1),
        "`arity` must be a power of 2, .*arity=6",
    ),
    "states 6 of a code": (
        lambda: kc.HypercubeCode(6),
        "`num_states` must be a power of 2, .*num_states=6",
    ),
    "states of a code of another size": (
        lambda: kc.HypercubeCode(4)(N_ARY),
        r"\(num_states=4\) expects states of shape .*4\). Received: \(4, 3, 5\)",
    ),
    "one state": (lambda: kc.LearnedLogits(3, 1), "`num_states` must be .*num_states=1"),
    "half a unit": (
        lambda: kc.LearnedLogits(2.5),
        "`units` must be a positive integer. Received: units=2.5",
    ),
    "units that do not divide": (
        lambda: network("5H-6V", arity=4),
        "5 bits cannot be made of units of arity 4.*multiple of 2",
    ),
    "decay 1": (
        lambda: kc.Centering(1.0),
        "`decay` must be .* below 1. Received: decay=1",
    ),
    "means of another number": (
        lambda: kc.SigmoidBeliefNetwork("3H-6V", visible_mean=[0.5] * 5),
        "`visible_mean` must hold 6 numbers .*Received: 5 numbers",
    ),
    "one mean for all": (
        lambda: kc.SigmoidBeliefNetwork("3H-6V", visible_mean=0.5),
        "`visible_mean` must hold 6 numbers .*Received: 1 numbers",
    ),
    "a mean of 0": (
        lambda: kc.SigmoidBeliefNetwork("3H-6V", visible_mean=[0.0] + [0.5] * 5),
        "strictly between 0 and 1.* from 0.0 to 0.5",
    ),
    "a weight below 0": (
        lambda: kl(loss_weight=-1),
        "`loss_weight` must be a number from 0 upward. Received: loss_weight=-1",
    ),
    "half a seed": (
        lambda: kc.SigmoidBeliefNetwork("3H-6V", seed=0.5),
        "`seed` must be an integer, from .* Received: seed=0.5",
    ),
    "a word for a flag": (
        lambda: kc.SigmoidBeliefNetwork("3H-6V", centering="no"),
        "`centering` must be True or False. Received: centering='no'",
    ),
    # words
    "unknown estimator": (
        lambda: network(estimator="vimcoo"),
        "`estimator` must be one of 'concrete', .*'vimcoo'. Did you mean 'vimco'?",
    ),
    "estimator in capitals": (
        lambda: kc.MultiSampleBound("NVIL"),
        "Received: estimator='NVIL'. Did you mean 'nvil'?",
    ),
    "no estimator": (lambda: estimators.get(None), "one of .*Received: estimator=None"),
    "estimator of binary units": (
        lambda: kc.ConcreteSample(1.0, estimator="gaussian"),
        "'gaussian' is for binary units.*use 'concrete'",
    ),
    "vimco with one sample": (
        lambda: network(estimator="vimco"),
        "'vimco' .* `num_samples` of at least 2; for one sample use 'nvil'",
    ),
    "vimco with one sample, of terms": (
        lambda: kc.MultiSampleBound("vimco")(BINARY[:, :1], BINARY[:, :1]),
        r"`num_samples` of at least 2; for one sample use 'nvil'.*\(4, 1\)",
    ),
    "a class for an estimator": (
        lambda: estimators.register(estimators.Estimator),
        r"an instance of a class derived from Estimator: register\(MyEstimator\(\)\)",
    ),
    "an estimator without a name of its own": (
        lambda: estimators.register(type("Mine", (CONCRETE,), {})()),
        r"The name 'concrete' is that of keras_concrete.*the attribute `name` of .*Mine",
    ),
    "arity 16 of a conditional network": (
        lambda: kc.SigmoidBeliefNetwork("4V-4H-4V", arity=16),
        "for any other pass `posterior_temperature`. Received: arity=16",
    ),
    "arity 3": (lambda: network(arity=3), "`arity` must be a power of 2"),
    "nvil with two samples": (
        lambda: network(estimator="nvil", num_samples=2),
        "'nvil' is for the bound of one sample, .*; for more use 'vimco'",
    ),
    "nvil without conditions": (
        lambda: kc.MultiSampleBound("nvil")(BINARY[:, :1], BINARY[:, :1]),
        "'nvil' learns .*triple .*0 conditions",
    ),
    "KL of a score-function estimator": (
        lambda: kl(estimator="vimco"),
        "'vimco'.*end the model in MultiSampleBound",
    ),
    "unknown objective": (
        lambda: kl(objective="analytical"),
        "`objective` must be one of .*Did you mean 'analytic'?",
    ),
    "unknown inference": (
        lambda: kc.ConcreteSample(1.0, inference="model"),
        "`inference` must be one of 'sample', 'mode'.*Did you mean 'mode'?",
    ),
    "unknown data set": (
        lambda: kc.load_dataset("minst"),
        "`name` must be one of 'mnist5k', .*'minst'. Did you mean 'mnist'?",
    ),
    # architectures
    "no visible layer": (
        lambda: network("3H"),
        r"'-' or '~' .* position 2, found the end",
    ),
    "no hidden layer": (lambda: parse_architecture("6V"), "hidden layer .* position 1"),
    "a letter of its own": (
        lambda: network("3H-6X"),
        "'H' or 'V' .* position 4, found 'X'",
    ),
    "no number": (lambda: parse_architecture("H-6V"), "number of units at position 0"),
    "zero units": (lambda: parse_architecture("0H-6V"), "at position 0, found '0'"),
    "an open bracket": (lambda: parse_architecture("(3H-6V"), r"'\)' at position 6"),
    "a plus": (
        lambda: parse_architecture("3H+6V"),
        "'-' or '~' .*\n    3H.6V\n      \\^",
    ),
    "no link": (
        lambda: parse_architecture("392V240H-392V"),
        "'-' or '~' .* position 4, found '2':\n    392V240H-392V\n        \\^$",
    ),
    "not a string": (lambda: network(784), "`architecture` must be a string .*=784"),
}
