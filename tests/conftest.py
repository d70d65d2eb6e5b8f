"""What all tests share."""

import functools

import keras
import pytest
import reliability
from hypothesis import settings

from keras_concrete import temperatures
from keras_concrete.looped_model import LoopedModel

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"

if ON_TENSORFLOW:
    import tensorflow as tf

    # Two logical devices, so that a distribution strategy has two replicas.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )


@pytest.fixture(autouse=True, scope="module")
def _same_start_of_a_file():
    """Fixtures that a file shares are the same in any order of tests."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _same_start():
    """Weights without a seed of their own are the same in any order of tests."""
    keras.utils.set_random_seed(0)
    temperatures._WARNED_OF.clear()
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")


def _eagerly():
    """Functions run without graphs, for tests that would compile more than they run."""
    if ON_TENSORFLOW:
        tf.config.run_functions_eagerly(True)
    yield
    if ON_TENSORFLOW:
        tf.config.run_functions_eagerly(False)


eagerly = pytest.fixture(_eagerly, name="eagerly")
all_eagerly = pytest.fixture(_eagerly, scope="module", name="all_eagerly")


@pytest.fixture
def without_xla(monkeypatch):
    """What no test of a file is about, and half the time of compiling a model."""
    if not ON_TENSORFLOW:  # Where a step that is not compiled is slow.
        return
    compile_model = keras.Model.compile

    @functools.wraps(compile_model)
    def compile_without(self, *args, jit_compile="auto", **kwargs):
        jit_compile = False if jit_compile == "auto" else jit_compile
        return compile_model(self, *args, jit_compile=jit_compile, **kwargs)

    monkeypatch.setattr(keras.Model, "compile", compile_without)
    monkeypatch.setattr(LoopedModel, "_can_be_compiled", lambda *_: False)


_FAILED = pytest.StashKey[set]()  # Names of tests, and paths of their files.


def pytest_configure(config):
    config.stash[_FAILED] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        item.config.stash[_FAILED] |= {item.nodeid, item.path}
    return report


def _keep_if_asked(config, test, name, rows):
    for what, value in rows.items():
        print(f"{what}: {value}")
    is_asked = config.getoption("markexpr") == reliability.MARKERS
    if rows and is_asked and test not in config.stash[_FAILED]:
        reliability.keep(name, rows)


def _claim(name):
    """A test's name as words: `test_a_b[x]` is "a b, x"."""
    name = name.removeprefix("test_").removesuffix("]")
    return name.replace("[", ", ").replace("_", " ")


@pytest.fixture
def figures(request):
    """A dict of what a test counts: printed, and kept if it passes and that is asked for.

    A value is a number, or a pair of what is expected and what was measured.
    """
    rows = {}
    yield rows
    node = request.node
    _keep_if_asked(request.config, node.nodeid, _claim(node.name), rows)


@pytest.fixture(scope="module")
def sums(request):
    """The same for all tests of a file together."""
    rows = {}
    yield rows
    path = request.node.path
    _keep_if_asked(request.config, path, _claim(path.stem), rows)
