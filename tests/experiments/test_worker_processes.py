"""The processes of cells run this package, and nothing that lies in their folder."""

import subprocess
import sys

from made_results import made_result

from keras_concrete.experiments import worker_processes
from keras_concrete.experiments.cell_jobs import Budget, Job
from keras_concrete.experiments.worker_processes import run_cells

TRAP = "import os; os._exit(99)\n"


def test_workers_run_nothing_of_the_current_folder(tmp_path, monkeypatch):
    for name in ("queue.py", "pickle.py", "random.py", "keras.py", "numpy.py"):
        (tmp_path / name).write_text(TRAP)
    (tmp_path / "keras_concrete").mkdir()
    (tmp_path / "keras_concrete" / "__init__.py").write_text(TRAP)
    monkeypatch.chdir(tmp_path)
    # A cell that ends as soon as it begins.
    cell = made_result(data="mnist5k").cell
    job = Job(cell, Budget(), tmp_path / "results")
    job.folder.path.mkdir(parents=True)
    job.folder.config_file.touch()
    for _ in run_cells([job], 1, "command", interval=0.1):
        pass
    assert job.failed
    assert "config.json is damaged: it is not JSON" in job.log_file.read_text()


class _Cell:
    """Done when it says so; started, it is done at once."""

    is_done = failed = False

    def check_no_links(self):
        """There are none."""


def test_a_cell_that_another_command_finished_meanwhile_is_not_run(monkeypatch):
    started, cells = [], [_Cell() for _ in range(3)]

    def start(cell, command, cores):
        started.append(cell)
        cell.is_done = True
        return subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)

    monkeypatch.setattr(worker_processes, "_start", start)
    for _ in worker_processes.run_cells(cells, 1, "reproduce", interval=0.01):
        cells[1].is_done = True
    assert started == [cells[0], cells[2]]
