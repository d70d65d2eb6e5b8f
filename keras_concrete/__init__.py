"""Discrete latent variables that Keras users can train with `model.fit`."""

import importlib
from types import ModuleType

from keras_concrete.layers import (
    BernoulliLogLikelihood,
    BinaryConcreteSample,
    Centering,
    ConcreteLogProb,
    ConcreteSample,
    HypercubeCode,
    LearnedLogits,
    MultiSampleBound,
    RelaxedKL,
)
from keras_concrete.losses import NegativeBound
from keras_concrete.models import SigmoidBeliefNetwork

__version__ = "0.1.0"
