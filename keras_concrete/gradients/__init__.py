"""How estimators of the gradient compare: bias, noise and cost."""

import keras

from keras_concrete.checks import refuse_backend

if keras.backend.backend() != "tensorflow":
    refuse_backend("The variance of a gradient, and a report of it,")

from keras_concrete.gradients.report import gradient_report
from keras_concrete.gradients.rows import GradientReport, GradientRow

__all__ = ["GradientReport", "GradientRow", "gradient_report"]
