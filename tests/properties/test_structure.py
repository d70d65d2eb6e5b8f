"""The order of modules, what they export, what an import costs, and style and types."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_concrete"

# A file imports only from the left of itself, and from its own folder.
LIBRARY = """
    types unknown_sizes checks files images backend graphs programs normal_quantile noise
    schedules
    hard_gates subsets networks.notation datasets shuffled_batches first_batch sublayers
    pretrained seeding moving_average distributions objectives temperatures
    estimators
    asked_metric step_clock carried step_metric step_mean layers losses shrinking
    array_batches steps_ahead training_loop looped_model bound_model
    latent_variable_model networks
    models exact
    model_passes weight_sums evaluation gradients auditing callbacks serving
""".split()
LABORATORY = """
    advice machine folder_lock json_files epoch_table
    cell paper_tables studies training_config recipes new_network
    drawing figures run_pictures run_callbacks saved_networks run_folder
    report measurement fitting training
    cell_result result_tables best_results result_pictures cell_jobs worker_processes
    pretraining
    comparison comparison_rows comparison_picture
    command_line
""".split()
ORDER = [
    *LIBRARY,
    "",  # The package itself.
    "experiments",
    *(f"experiments.{name}" for name in LABORATORY),
    "__main__",
]


def _module(file):
    """Dotted name within the package; of `__init__`, that of its folder."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


FILES = {_module(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def _place(module):
    """Place in the order of a module, or of the folder that it is in."""
    name = module
    while name not in ORDER:
        assert "." in name, f"{module} has no place yet: put it into one of the two lists"
        name = name.rpartition(".")[0]
    return ORDER.index(name)


def _imports(module):
    """Own modules that a file imports from, and the name, or None for a whole module."""
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not [name for name in names if name.startswith("keras_concrete")]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative name"
            first, _, source = node.module.partition(".")
            for alias in node.names if first == "keras_concrete" else ():
                submodule = f"{source}.{alias.name}".lstrip(".")
                yield (submodule, None) if submodule in FILES else (source, alias.name)


IMPORTS = {module: list(_imports(module)) for module in FILES}


def test_a_file_imports_from_the_left_of_itself():
    wrong = [
        f"{module} imports {imported}"
        for module, imports in IMPORTS.items()
        for imported, _ in imports
        if imported == module or _place(imported) > _place(module)
    ]
    assert wrong == []


def test_of_the_library_only_the_command_imports_the_laboratory():
    def is_of_laboratory(module):
        return module.split(".")[0] == "experiments"

    importers = {
        module
        for module, imports in IMPORTS.items()
        if any(is_of_laboratory(imported) for imported, _ in imports)
        and not is_of_laboratory(module)
    }
    assert importers == {"__main__"}


def test_the_lists_name_files_and_folders_that_there_are():
    assert [name for name in ORDER if name not in FILES] == []
    assert len(set(ORDER)) == len(ORDER)


def test_the_list_of_what_runs_on_jax_names_tests_that_there_are():
    lines = (ROOT / "tests" / "on_jax.txt").read_text().split()
    assert len(lines) > 20
    for line in lines:
        file, _, test = line.removeprefix("--deselect=").partition("::")
        assert f"def {test.partition('[')[0]}" in (ROOT / file).read_text(), line


def _load(module):
    return importlib.import_module(f"keras_concrete.{module}".rstrip("."))


def test_all_that_a_module_says_it_exports_is_there():
    missing = [
        f"{module}.{name}"
        for module in FILES
        for name in getattr(_load(module), "__all__", [])
        if not hasattr(_load(module), name)
    ]
    assert missing == []


def _uses(module):
    """Names of `from ... import`, and attributes of modules that are imported whole."""
    yield from ((source, name) for source, name in IMPORTS[module] if name)
    whole = {m.rpartition(".")[2]: m for m, name in IMPORTS[module] if name is None}
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in whole:
                yield whole[node.value.id], node.attr


def test_what_a_module_uses_of_another_is_exported_there():
    hidden = [
        f"{module} uses {source}.{name}"
        for module in FILES
        for source, name in _uses(module)
        if f"{source}.{name}" not in FILES
        and name not in getattr(_load(source), "__all__", [])
    ]
    assert hidden == []


def test_files_are_short():
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    lines = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in files}
    assert {name: number for name, number in lines.items() if number > 300} == {}


@pytest.fixture(scope="module")
def imported():
    """A new process that imports the package, then runs its command without typer."""
    heavy = ["tensorflow_probability", "tensorflow_datasets", "matplotlib", "mlxtend"]
    heavy += ["typer", "click", "rich", "pandas", "sklearn", "scipy", "PIL"]
    heavy += ["onnxruntime", "tf2onnx", "openvino", "tensorboard"]
    code = f"""
import sys
import time
start = time.process_time()
import keras
middle = time.process_time()
before = set(sys.modules)
import keras_concrete
print((time.process_time() - middle) / (middle - start))
print(sorted(set({heavy}) & (set(sys.modules) - before)))
sys.modules["typer"] = None
from keras_concrete.__main__ import main
main()
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_an_import_is_quick_beside_that_of_keras_and_loads_no_heavy_library(imported):
    share, loaded = imported.stdout.splitlines()
    assert float(share) < 1 / 15
    assert loaded == "[]"


def test_without_its_libraries_the_command_says_what_to_install(imported):
    assert imported.returncode == 1
    assert "pip install 'keras_concrete[demo]'" in imported.stderr


@pytest.mark.parametrize(
    "command", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)]
)
def test_style_and_types_are_clean(command):
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
