"""Metrics that layers own, and that Keras asks once a step."""

from typing import Any

import keras

__all__ = ["AskedMetric"]


class AskedMetric(keras.metrics.Metric):
    """Base of metrics that are told by a layer, or by nothing, and never by a user.

    Args:
        kwargs: Arguments of `keras.metrics.Metric`.
    """

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing, in a loop over the metrics of a model."""
