"""How the parameters of the posterior get their gradient, by name.

To add an estimator, derive a class from `Estimator` or `RelaxedEstimator`, give it a
`name`, and `register` an instance.
"""

from keras_concrete.estimators.base import Estimator, RelaxedEstimator, Surrogate
from keras_concrete.estimators.logistic_normal import LogisticNormal
from keras_concrete.estimators.nvil import Nvil
from keras_concrete.estimators.registry import get, names, register
from keras_concrete.estimators.reinforce import Reinforce, ReinforceRunningMean
from keras_concrete.estimators.relaxed import (
    AnalyticKL,
    Concrete,
    GumbelNode,
    GumbelSoftmax,
)
from keras_concrete.estimators.relocated_noise import Gaussian, RelocatedNoise
from keras_concrete.estimators.straight_through import (
    StraightThrough,
    StraightThroughGumbelSoftmax,
)
from keras_concrete.estimators.vimco import Vimco

__all__ = [
    "Estimator",
    "RelaxedEstimator",
    "RelocatedNoise",
    "Surrogate",
    "get",
    "names",
    "register",
]

register(Concrete())
register(AnalyticKL())
register(GumbelNode())
register(GumbelSoftmax())
register(StraightThrough())
register(StraightThroughGumbelSoftmax())
register(Vimco())
register(Nvil())
register(Reinforce())
register(ReinforceRunningMean())
register(LogisticNormal())
register(Gaussian())
