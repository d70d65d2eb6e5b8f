"""The order of modules, what an import costs, and the checks of style and types."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_concrete"

# A module imports only from floors above its own. Those of one floor do not know each
# other, except within a folder.
FLOORS = [
    ["types", "checks", "drawing"],
    [
        "architecture",
        "curves",
        "datasets",
        "locks",
        "machine",
        "plots",
        "schedules",
        "noise",
    ],
    ["seeding", "distributions", "objectives", "paper", "temperatures"],
    ["estimators", "execution", "figures", "studies"],
    ["layers", "losses", "training_config"],
    ["networks"],
    ["models"],
    ["evaluation", "endpoints", "conversion", "runs", "callbacks", "checkpoints"],
    ["recipes", "reports", "export"],
    ["experiments"],
    ["reproduction", "results"],
    ["command_line"],
    ["__main__", "__init__"],
    ["reference"],
]
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}


def _own_imports(file):
    """Modules of this package that a file imports, by their first name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "keras_concrete":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.startswith("keras_concrete."):
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert not alias.name.startswith("keras_concrete"), file


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_in_one_direction(file):
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    name = parts[0]
    for imported in _own_imports(file):
        if imported == name and len(parts) > 1:
            continue
        assert FLOOR[imported] < FLOOR[name], f"{name} imports {imported}"


def test_files_are_short():
    long = {f.name: n for f in FILES if (n := len(f.read_text().splitlines())) > 320}
    assert long == {}


def test_an_import_is_quick_and_loads_no_heavy_library():
    heavy = ["tensorflow_probability", "tensorflow_datasets", "matplotlib", "mlxtend"]
    heavy += ["typer", "click", "rich", "pandas", "sklearn", "scipy", "PIL"]
    heavy += ["onnxruntime", "tf2onnx", "openvino", "tensorboard"]
    code = f"""
import sys
import time
import keras
before = set(sys.modules)
start = time.process_time()
import keras_concrete
seconds = time.process_time() - start
assert seconds < 0.25, seconds
print(sorted(set({heavy}) & (set(sys.modules) - before)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_without_its_libraries_the_command_says_what_to_install():
    code = """
import sys
sys.modules["typer"] = None
from keras_concrete.__main__ import main
main()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "pip install 'keras_concrete[demo]'" in result.stderr


@pytest.mark.parametrize(
    "command", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)]
)
def test_style_and_types_are_clean(command):
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
