"""The paper's estimator: gradients flow through the relaxed states.

Equations 13, 25 and 27 replace every discrete node and every mass by its relaxation.
The surrogate is then the bound itself, and its gradient is unbiased for the relaxed
objective (though not for the discrete one).
"""

from keras_concrete import objectives
from keras_concrete.estimators.registry import Estimator, register
from keras_concrete.types import Tensor


def _bound(log_joint: list[Tensor], log_posterior: list[Tensor]) -> Tensor:
    return objectives.importance_weighted_bound(
        objectives.log_weights(log_joint, log_posterior)
    )


register(Estimator("concrete", relaxed=True, bound=_bound))
