"""What is built and installed is whole, and works away from the repository."""

import configparser
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = {
    str(file.relative_to(ROOT))
    for file in (ROOT / "keras_concrete").rglob("*")
    if file.suffix in (".py", ".keras", ".json") or file.name == "py.typed"
} | {"keras_concrete_command.py"}


def _run(*command, **kwargs):
    result = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, **kwargs
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A source distribution, and the wheel that is built from it alone."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "keras_concrete", source / "keras_concrete", ignore=ignore)
    names = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
    for name in (*names, "keras_concrete_command.py"):
        shutil.copy(ROOT / name, source)
    _run("-m", "build", "--no-isolation", "--outdir", folder, source)
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def test_both_distributions_hold_the_whole_package_and_its_licence(built):
    sdist, wheel = built
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert names >= PACKAGE | {"LICENSE", "README.md", "setup.cfg", "pyproject.toml"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith("/METADATA")]
        metadata = archive.read(metadata).decode()
    assert {name for name in names if ".dist-info/" not in name} == PACKAGE
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for extra in config["options.extras_require"]:
        assert f"Provides-Extra: {extra}\n" in metadata


def test_an_index_of_packages_takes_both_distributions(built):
    _run("-m", "twine", "check", "--strict", *built)


def test_help_and_version_load_neither_the_package_nor_tensorflow(built, tmp_path):
    with zipfile.ZipFile(built[1]) as archive:
        archive.extractall(tmp_path)
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
sys.argv = ["keras-concrete", sys.argv[1]]
import keras_concrete_command
try:
    keras_concrete_command.main()
finally:
    heavy = {{"keras_concrete", "keras", "tensorflow", "numpy", "matplotlib"}}
    assert not heavy & set(sys.modules)
"""
    assert "reproduce" in _run("-c", program, "--help", cwd=tmp_path)
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    printed = _run("-c", program, "--version", cwd=tmp_path)
    assert printed == f"keras_concrete {config['metadata']['version']}\n"


def test_an_installed_wheel_works_away_from_the_repository(built, tmp_path):
    target = tmp_path / "site"
    options = ("--quiet", "--no-deps", "--no-index", "--target", target)
    _run("-m", "pip", "install", *options, built[1])
    program = f"""
import sys
sys.path.insert(0, {str(target)!r})
import numpy as np
import keras_concrete as kc

assert kc.__file__.startswith({str(target)!r})
model = kc.SigmoidBeliefNetwork("3H-4V", seed=0)
model.compile("adam")
history = model.fit(np.eye(4), epochs=2, verbose=0).history
assert np.all(np.isfinite(history["bound"]))
for name in kc.__all__:
    getattr(kc, name)
assert kc.load_pretrained("hash_mnist5k")(np.zeros((1, 784))).shape == (1, 64)
from keras_concrete.__main__ import main
sys.argv = ["keras-concrete", "--help"]
main()
"""
    assert "reproduce" in _run("-c", program, cwd=tmp_path)
