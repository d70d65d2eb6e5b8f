"""How the parameters of the posterior get their gradient, by name."""

from keras_concrete.estimators import relaxed  # noqa: F401  (registers its estimators)
from keras_concrete.estimators.registry import Estimator, get, names, register

__all__ = ["Estimator", "get", "names", "register"]
