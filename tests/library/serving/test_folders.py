"""An export is whole or not there, and leaves nothing of those before it."""

import signal
import subprocess
import sys

import keras
import pytest

import keras_concrete as kc
from keras_concrete.serving.folders import written_whole


def _dense():
    return keras.Sequential(
        [keras.Input((2,), name="x"), keras.layers.Dense(1, name="y")]
    )


def test_requests_of_an_earlier_export_do_not_warm_up_a_later_one(tmp_path):
    kc.export_saved_model(_dense(), tmp_path, warmup_batch_sizes=[1])
    assert (tmp_path / "assets.extra/tf_serving_warmup_requests").exists()
    kc.export_saved_model(_dense(), tmp_path)
    assert not (tmp_path / "assets.extra/tf_serving_warmup_requests").exists()


def test_files_of_other_endpoints_are_removed_and_those_of_others_stay(tmp_path):
    for name in ("encode.onnx", "sample.onnx", "mine.onnx", "partial-notes"):
        (tmp_path / name).write_text("old")
    kc.export_onnx(_dense(), tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"predict.onnx", "predict_rows.onnx", "mine.onnx", "partial-notes"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_export_leaves_the_folder_as_it_was(error, tmp_path):
    (tmp_path / "old").write_text("old")
    with pytest.raises(error), written_whole(tmp_path, ["old"]) as folder:
        (folder / "new").write_text("new")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


KILLED = """
import pathlib, sys, time
from keras_concrete.serving.folders import written_whole
with written_whole(pathlib.Path(sys.argv[1]), []) as folder:
    (folder / "half").write_text("half")
    print("written", flush=True)
    time.sleep(600)
"""


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    with written_whole(tmp_path, []) as folder:
        (folder / "new").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
