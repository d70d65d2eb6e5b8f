"""Smaller models from gates that have closed."""

from keras_concrete.shrinking.shrink import shrink

__all__ = ["shrink"]
