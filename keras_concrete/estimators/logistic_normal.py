"""The paper's control: Gaussian noise through a softmax."""

from typing import TYPE_CHECKING

from keras_concrete.estimators.base import RelaxedEstimator

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["LogisticNormal"]


class LogisticNormal(RelaxedEstimator):
    """Gaussian noise in the place of Gumbels: softmax((log alpha + E) / temperature).

    The control of section 5.2, for which the paper tuned temperatures anew. It rounds, at
    any temperature, to a multinomial probit, whose masses are not known: the discrete
    graph draws from the distribution with the same logits, as the paper's does.

    Warning:
        Under `mixed_float16` give it float32 logits: slopes go with the square of the
        prior's temperature over the posterior's, and where that is large they are beyond
        65,504, the largest number of float16. With float16 logits Keras's loss scaling
        skips the steps that have such slopes.
    """

    name = "logistic_normal"

    def unit(self, binary: bool) -> "Unit":
        """The circuit with Gaussian noise."""
        from keras_concrete.distributions.logistic_normal_units import (
            LogisticNormalBinaryUnit,
            LogisticNormalCategoricalUnit,
        )

        return LogisticNormalBinaryUnit() if binary else LogisticNormalCategoricalUnit()

    def discrete_unit(self, binary: bool) -> "Unit":
        """The paper's circuit, with the learned logits."""
        return super().unit(binary)
