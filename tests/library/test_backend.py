"""Which backends of Keras there are, and what is missing for them."""

import sys

import pytest

from keras_concrete.backend import _chosen


def test_another_backend_is_refused_with_those_that_there_are():
    message = "backends 'tensorflow' and 'jax'. Set .* KERAS_BACKEND .* Received: 'torch'"
    with pytest.raises(ImportError, match=message):
        _chosen("torch")


def test_what_jax_lacks_is_said_with_the_commands_that_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    message = "pip install --force-reinstall --no-deps 'tfp-nightly>=.* says: .*jax"
    with pytest.raises(ImportError, match=message):
        _chosen("jax")
