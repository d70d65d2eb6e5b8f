"""The processes of cells run this package, and nothing that lies in their folder."""

import subprocess
import sys
from types import SimpleNamespace

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

    def __init__(self):
        self.folder = SimpleNamespace(is_locked=False)

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


def test_a_cell_that_another_command_is_at_is_waited_for(tmp_path):
    job = Job(made_result(data="mnist5k").cell, Budget(), tmp_path)
    looks = 0
    with job.folder.locked():
        for running in run_cells([job], 1, "command", interval=0.01):
            assert running == []
            looks += 1
            if looks == 20:
                job.result_file.parent.mkdir(parents=True)
                job.result_file.touch()
    assert looks == 22  # One more to see it, and one at the end.
    assert not job.failed and not job.log_file.exists()


def test_a_cell_is_taken_over_when_the_command_at_it_dies(tmp_path, monkeypatch):
    job = Job(made_result(data="mnist5k").cell, Budget(), tmp_path)
    monkeypatch.setattr(Job, "is_done", property(lambda job: started == [job]))
    started = []

    def start(job, command, cores):
        started.append(job)
        return subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)

    monkeypatch.setattr(worker_processes, "_start", start)
    other = job.folder.locked()
    other.__enter__()
    cells = run_cells([job], 1, "command", interval=0.01)
    assert [next(cells) for _ in range(5)] == [[]] * 5
    other.__exit__(None, None, None)
    assert next(cells) == [job] and [*cells][-1] == []
    assert not job.failed


def test_a_process_that_came_too_late_to_its_cell_is_no_failure(monkeypatch):
    cell, codes = _Cell(), [75, 0]

    def start(cell, command, cores):
        code = codes.pop(0)
        cell.is_done = code == 0
        ended = [sys.executable, "-c", f"exit({code})"]
        return subprocess.Popen(ended, stdin=subprocess.PIPE)

    monkeypatch.setattr(worker_processes, "_start", start)
    for _ in worker_processes.run_cells([cell], 1, "reproduce", interval=0.01):
        pass
    assert codes == [] and not cell.failed


def test_a_worker_says_that_another_process_is_at_its_cell(tmp_path):
    job = Job(made_result(data="mnist5k").cell, Budget(), tmp_path)
    with job.folder.locked():
        process = worker_processes._start(job, "command", [0])
        assert process.wait() == 75
    process.stdin.close()
