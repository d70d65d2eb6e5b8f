"""Keras layers for discrete latent variables, in the order in which a model uses them."""

from keras_concrete.layers.bound import MultiSampleBound
from keras_concrete.layers.centering import Centering
from keras_concrete.layers.codebook import CategoricalCodebook
from keras_concrete.layers.discrete_state_cell import DiscreteStateCell
from keras_concrete.layers.discrete_state_rnn import DiscreteStateRNN
from keras_concrete.layers.hard_concrete import HardConcrete
from keras_concrete.layers.hypercube_code import HypercubeCode
from keras_concrete.layers.kl import RelaxedKL
from keras_concrete.layers.learned_logits import LearnedLogits
from keras_concrete.layers.likelihood import BernoulliLogLikelihood
from keras_concrete.layers.log_prob import ConcreteLogProb
from keras_concrete.layers.perturbed_argmax import PerturbedArgmax
from keras_concrete.layers.residual_codebook import ResidualCodebook
from keras_concrete.layers.sample import BinaryConcreteSample, ConcreteSample
from keras_concrete.layers.state_mask import StateMask
from keras_concrete.layers.subset import SubsetSample

__all__ = [
    "BernoulliLogLikelihood",
    "BinaryConcreteSample",
    "CategoricalCodebook",
    "Centering",
    "ConcreteLogProb",
    "ConcreteSample",
    "DiscreteStateCell",
    "DiscreteStateRNN",
    "HardConcrete",
    "HypercubeCode",
    "LearnedLogits",
    "MultiSampleBound",
    "PerturbedArgmax",
    "RelaxedKL",
    "ResidualCodebook",
    "StateMask",
    "SubsetSample",
]
