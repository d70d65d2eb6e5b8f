"""Faults of discrete units in any Keras model."""

import keras

from keras_concrete.checks import refuse_backend

if keras.backend.backend() != "tensorflow":
    refuse_backend("An audit")

from keras_concrete.auditing.auditor import audit
from keras_concrete.auditing.finding import Finding

__all__ = ["Finding", "audit"]
