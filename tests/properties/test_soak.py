"""What takes minutes: killed runs, and tails of the noise. See the README, Tests."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_concrete as kc
from keras_concrete import noise
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.files import PARTIAL

pytestmark = pytest.mark.soak

KILLS = 24
EPOCHS = 90
SETTINGS = ["20H~10H~784V", "--data", "mnist5k", "--num-samples", "2"]
SETTINGS += ["--epochs", str(EPOCHS), "--steps-per-epoch", "96"]
SETTINGS += ["--evaluation-samples", "10", "--restore-best-weights"]


def start(*arguments):
    command = [sys.executable, "-m", "keras_concrete", "train", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run_to_the_end(*arguments):
    process = start(*arguments)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-2000:]


def written(file):
    return file.stat().st_mtime_ns if file.exists() else None


def state(folder):
    """Weights, generators and optimizer of the last and of the best model, as bytes."""
    models = folder.last_model(), folder.model()
    variables = (v for m in models for v in [*m.variables, *m.optimizer.variables])
    return [np.asarray(v.value).tobytes() for v in variables]


def test_killed_at_random_moments_a_run_ends_bit_for_bit_the_same(tmp_path, figures):
    chance = random.Random(0)
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    run_to_the_end(*SETTINGS, "--out", whole.path)
    # It stays behind if a save is killed.
    partial = killed.path / f"{PARTIAL}model.keras"
    an_epoch = np.median(whole.timing()["seconds"])
    arguments = [*SETTINGS, "--out", killed.path]
    epochs, moments = [], dict.fromkeys(["at the start", "mid-epoch", "while saving"], 0)
    while len(epochs) < KILLS:
        before = written(partial)
        process = start(*arguments)
        if killed.config_file.exists() and chance.random() < 0.2:
            time.sleep(chance.uniform(0, 10))
            moment = "at the start"
        else:
            # The second epoch of a sitting is announced: one more has been saved.
            lines = (line for line in process.stdout if "Epoch" in line)
            next(lines)
            next(lines)
            time.sleep(chance.uniform(0, 3 * an_epoch))
            moment = "mid-epoch"
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.returncode == -9, "it was done before it was killed"
        if written(partial) not in (None, before):
            moment = "while saving"
        moments[moment] += 1
        epochs.append(len(killed.history().get("epoch", [])))
        if killed.config_file.exists():
            arguments = ["--resume", killed.path]
    run_to_the_end(*arguments)
    figures["kills by SIGKILL"] = KILLS
    figures |= {f"kills {moment}": number for moment, number in moments.items()}
    figures["epochs in the history at the kills"] = str(epochs)
    different = sum(a != b for a, b in zip(state(killed), state(whole), strict=True))
    figures["variables that differ from the unkilled run's"] = (0, different)
    history = killed.history_file.read_bytes() == whole.history_file.read_bytes()
    figures["history equal byte for byte"] = ("yes", "yes" if history else "no")
    assert different == 0 and history
    assert moments["mid-epoch"] >= KILLS / 3 and epochs[-1] >= KILLS / 2


# --- Tails of the noise -------------------------------------------------------------

DRAWS = 2**32
CHUNK = 2**24
FALSE_ALARM = 1e-4  # Of all counts of one test together.
THRESHOLDS = np.arange(15, 22)


def is_as_often(count, probability, draws, num_tests):
    """Whether a count is within its Poisson law, two-sided."""
    tail = FALSE_ALARM / num_tests / 2
    low, high = stats.poisson.ppf([tail, 1 - tail], probability * draws)
    return low <= count <= high


@pytest.mark.parametrize("law", ["logistic", "gumbel"])
def test_tails_of_the_noise_are_whole(law, figures):
    draw = getattr(noise, law)

    @tf.function(jit_compile=True)
    def values(chunk):
        return draw((CHUNK,), noise.fold_in(noise.key_from_seed(7), chunk))

    # In NumPy: in one program, XLA would draw anew for each count.
    total = np.zeros((2, len(THRESHOLDS)), int)
    for i in range(DRAWS // CHUNK):
        drawn = values(tf.constant(i)).numpy()
        drawn = drawn[np.abs(drawn) > THRESHOLDS[0]]
        total += [np.sum(side > THRESHOLDS[:, None], axis=1) for side in (drawn, -drawn)]
    distribution = {"logistic": stats.logistic, "gumbel": stats.gumbel_r}[law]
    figures["draws"] = DRAWS
    failures = 0
    for side, probabilities, row in (
        ("above ", distribution.sf(THRESHOLDS), total[0]),
        ("below -", distribution.cdf(-THRESHOLDS), total[1]),
    ):
        for t, probability, count in zip(THRESHOLDS, probabilities, row, strict=True):
            figures[f"{side}{t}"] = (round(float(probability) * DRAWS, 1), int(count))
            failures += not is_as_often(count, probability, DRAWS, total.size)
    figures["counts outside their law, false alarm 1e-4"] = (0, failures)
    assert failures == 0


@pytest.mark.parametrize("num_states", [2, 4], ids="{} states".format)
def test_a_state_of_one_in_ten_million_is_drawn_as_often_as_it_should_be(
    num_states, figures
):
    rare = 1e-7
    if num_states == 2:
        layer = kc.BinaryConcreteSample(2 / 3, seed=11)
        logits = np.full((1, 1), np.log(rare) - np.log1p(-rare), "float32")
        probability = 1 / (1 + np.exp(-np.float64(logits[0, 0])))
    else:
        layer = kc.ConcreteSample(2 / 3, seed=11)
        logits = np.log([[[rare, 0.2, 0.3, 0.5 - rare]]]).astype("float32")
        masses = np.exp(np.float64(logits[0, 0]))
        probability = masses[0] / masses.sum()
    layer.build(logits.shape)
    noise_of_a_unit = 1 if num_states == 2 else num_states
    chunk = CHUNK // noise_of_a_unit

    @tf.function(jit_compile=True)
    def count():
        states = layer(logits, num_samples=chunk, training=False)
        return tf.math.count_nonzero(states[..., 0])

    chunks = DRAWS // CHUNK
    total = sum(int(count()) for _ in range(chunks))
    figures["draws of units"] = chunks * chunk
    figures["drawn"] = (round(float(probability) * chunks * chunk, 1), total)
    assert is_as_often(total, probability, chunks * chunk, 1)


EXPORTS = """
import pathlib, sys
import keras_concrete as kc
model = kc.SigmoidBeliefNetwork("4H-6V", seed=0)
print("ready", flush=True)
while True:
    kc.export_saved_model(model, pathlib.Path(sys.argv[1]))
"""


def test_exports_killed_at_random_moments_leave_a_whole_model(tmp_path, figures):
    chance, out = random.Random(0), tmp_path / "out"
    model = kc.SigmoidBeliefNetwork("4H-6V", seed=0)
    kc.export_saved_model(model, out)
    names = sorted(path.name for path in out.iterdir())
    midway = damaged = 0
    for _ in range(12):
        command = [sys.executable, "-c", EXPORTS, str(out)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 8))
        process.kill()
        process.communicate()
        midway += sorted(path.name for path in out.iterdir()) != names
        # What was there before stays whole until what takes its place is.
        damaged += len(tf.saved_model.load(out).signatures) != 6
        kc.export_saved_model(model, out)
        assert sorted(path.name for path in out.iterdir()) == names
    figures["exports killed"] = 12
    figures["that had written part of the next"] = midway
    figures["folders that did not load as before"] = (0, damaged)
    assert damaged == 0 and midway > 0
