"""What a number was measured on: hardware and versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["available_cores", "hardware", "versions"]

_PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "numpy")


def available_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def hardware() -> dict[str, str | int]:
    """The processor, and how many of its cores this process may use."""
    return {"processor": _processor(), "cores": len(available_cores())}


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
