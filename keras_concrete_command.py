"""The console script `keras-concrete`.

It stands apart from the package, which takes seconds to import: help and version are
printed before that.
"""

import os
import sys
from importlib.metadata import version

__all__ = ["HELP", "main"]

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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_concrete.__main__ import main as run

    run()
