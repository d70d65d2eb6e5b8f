"""How the parameters of the posterior get their gradient, by name.

Each class says its equation, objective, bias, cost and where it works; the page
"Choosing" of the documentation, `docs/choosing.md`, has the table. To add an estimator,
derive a class from `Estimator` or `RelaxedEstimator` in a file of its own, give it a
`name`, and `register` an instance. Its tests are a row in
`tests/library/estimators/test_unbiased.py`, or its own surrogate by hand.
"""

from keras_concrete.estimators.arm import Arm
from keras_concrete.estimators.base import Estimator, RelaxedEstimator
from keras_concrete.estimators.concrete_dreg import ConcreteDreg
from keras_concrete.estimators.disarm import Disarm
from keras_concrete.estimators.gapped_straight_through import GappedStraightThrough
from keras_concrete.estimators.gumbel_rao import GumbelRao
from keras_concrete.estimators.leave_one_out import ReinforceLeaveOneOut
from keras_concrete.estimators.logistic_normal import LogisticNormal
from keras_concrete.estimators.muprop import MuProp
from keras_concrete.estimators.nvil import Nvil
from keras_concrete.estimators.rebar import Rebar
from keras_concrete.estimators.registry import get, names, register
from keras_concrete.estimators.reinforce import Reinforce, ReinforceRunningMean
from keras_concrete.estimators.reinmax import ReinMax
from keras_concrete.estimators.relax import Relax
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
from keras_concrete.estimators.surrogate import Surrogate
from keras_concrete.estimators.vimco import Vimco
from keras_concrete.estimators.wake_sleep import ReweightedWakeSleep

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
register(ConcreteDreg())
register(AnalyticKL())
register(GumbelNode())
register(GumbelSoftmax())
register(StraightThrough())
register(StraightThroughGumbelSoftmax())
register(ReinMax())
register(GumbelRao())
register(GappedStraightThrough())
register(Vimco())
register(Nvil())
register(Reinforce())
register(ReinforceRunningMean())
register(ReinforceLeaveOneOut())
register(Disarm())
register(Arm())
register(MuProp())
register(Rebar())
register(Relax())
register(ReweightedWakeSleep())
register(LogisticNormal())
register(Gaussian())
