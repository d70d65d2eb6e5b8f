"""Runs notebooks and keeps their outputs: python notebooks/run.py [NOTEBOOK ...]."""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def run(path: Path) -> float:
    """Executes a notebook in its place; returns the seconds that it took."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(
        notebook, timeout=3600, resources={"metadata": {"path": FOLDER}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.clear()  # Times of execution differ each time.
        # Python's warnings are errors in the tests; the rest are TensorFlow's greetings.
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)
    return time.perf_counter() - start


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        print(f"{path.name}: {run(path):.0f} s", flush=True)
