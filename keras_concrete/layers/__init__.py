"""Keras layers for discrete latent variables, in the order in which a model uses them."""

from keras_concrete.layers.bound import MultiSampleBound
from keras_concrete.layers.centering import Centering
from keras_concrete.layers.hypercube_code import HypercubeCode
from keras_concrete.layers.kl import RelaxedKL
from keras_concrete.layers.learned_logits import LearnedLogits
from keras_concrete.layers.likelihood import BernoulliLogLikelihood
from keras_concrete.layers.log_prob import ConcreteLogProb
from keras_concrete.layers.sample import BinaryConcreteSample, ConcreteSample

__all__ = [
    "BernoulliLogLikelihood",
    "BinaryConcreteSample",
    "Centering",
    "ConcreteLogProb",
    "ConcreteSample",
    "HypercubeCode",
    "LearnedLogits",
    "MultiSampleBound",
    "RelaxedKL",
]
