"""The console script `keras-concrete`.

It stands apart from the package, which takes seconds to import: help and version are
printed before that.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version

__all__ = ["HELP", "main", "without_greetings"]

HELP = """\
Usage: keras-concrete COMMAND [ARGS]...

Train, evaluate and serve belief networks of discrete latent units, and reproduce the
paper that they come from.

First of all:
  train      Train a network on digits: no arguments needed.
  evaluate   Bound the log-likelihood of held-out images.
  sample     Draw images from a trained network.
  export     Write a trained network as a SavedModel or ONNX.
  compare    Train one network under several estimators, and compare them.

Then:
  gradients  Measure bias, noise and cost of the estimators on a trained network.
  reproduce  Run and tabulate the experiments of the paper.
  figures    Draw the figures of the paper (some minutes).

Options:
  --version  Print the version.
  --help     Print this, or after COMMAND the options of a command.
"""


# What TensorFlow logs before it reads its settings: of its own ways on this CPU, and that
# there is no GPU.
_GREETINGS = re.compile(
    rb"All log messages before absl|oneDNN custom operations are on|cudart_stub"
    rb"|failed call to cuInit.*\(303\)"
)


@contextlib.contextmanager
def without_greetings() -> Iterator[None]:
    """Leaves out of standard error what TensorFlow says of every machine like this."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            log.seek(0)
            for line in log:
                if not _GREETINGS.search(line):
                    os.write(2, line)


def main() -> None:
    """Answers what needs no TensorFlow, or runs a command.

    TensorFlow's log below errors is left out, unless TF_CPP_MIN_LOG_LEVEL is set.
    """
    arguments = sys.argv[1:]
    if arguments in ([], ["--help"], ["-h"]):
        print(HELP, end="")
        raise SystemExit(0 if arguments else 2)
    if arguments == ["--version"]:
        print(f"keras_concrete {version('keras_concrete')}")
        raise SystemExit(0)
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        with without_greetings():
            import tensorflow as tf

            tf.config.list_physical_devices()  # The first look for a GPU is logged too.
    from keras_concrete.__main__ import main as run

    run()
