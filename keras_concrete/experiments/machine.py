"""What a number is measured on: hardware, threads and versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["available_cores", "hardware", "use_threads", "versions"]

_PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "numpy")


def available_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def hardware() -> dict[str, str | int]:
    """The processor, and how many of its cores this process may use."""
    return {"processor": _processor(), "cores": len(available_cores())}


def use_threads(count: int) -> None:
    """Limits TensorFlow to a number of threads; to be called before it runs anything."""
    # Here and not above: TensorFlow takes seconds to import.
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers may depend on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()
