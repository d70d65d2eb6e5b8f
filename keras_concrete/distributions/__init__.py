"""Discrete distributions and their Concrete relaxations, as TFP distributions.

The table of the paper's appendix F. Importing this module imports TensorFlow
Probability, which takes about a second; the layers do so when they are first used.
"""

from keras_concrete.distributions.bernoulli import Bernoulli
from keras_concrete.distributions.binary import BinaryConcrete, LogitBinaryConcrete
from keras_concrete.distributions.categorical import Concrete, ExpConcrete
from keras_concrete.distributions.discrete import Discrete
from keras_concrete.distributions.logistic_normal import ExpLogisticNormal
from keras_concrete.distributions.relocated import GAUSSIAN, BinaryNoise, RelocatedBinary
from keras_concrete.distributions.sigmoid import Sigmoid
from keras_concrete.distributions.standard import Gumbel, Logistic

__all__ = [
    "GAUSSIAN",
    "Bernoulli",
    "BinaryConcrete",
    "BinaryNoise",
    "Concrete",
    "Discrete",
    "ExpConcrete",
    "ExpLogisticNormal",
    "Gumbel",
    "Logistic",
    "LogitBinaryConcrete",
    "RelocatedBinary",
    "Sigmoid",
]
