"""What all tests share."""

import keras
import pytest
import reliability
import tensorflow as tf

# Two logical devices, so that a distribution strategy has two replicas.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


@pytest.fixture(autouse=True)
def _same_start():
    """Weights without a seed of their own are the same in any order of tests."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def figures(request):
    """A dict of what a test counts: printed, and kept where that is asked for."""
    rows = {}
    yield rows
    for what, value in rows.items():
        print(f"{what}: {value}")
    if request.config.getoption("markexpr") == "soak or reliability":
        reliability.keep(request.node.name.removeprefix("test_"), rows)
