"""Faults of discrete units in any Keras model."""

from keras_concrete.auditing.auditor import audit
from keras_concrete.auditing.finding import Finding

__all__ = ["Finding", "audit"]
