"""How estimators of the gradient compare: bias, noise and cost."""

from keras_concrete.gradients.report import gradient_report
from keras_concrete.gradients.rows import GradientReport, GradientRow

__all__ = ["GradientReport", "GradientRow", "gradient_report"]
