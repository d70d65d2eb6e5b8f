"""The programs and commands of README and of the pages of the documentation."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "results" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_PROGRAM = re.compile(
    r"^( *)```python\n(.*?)^\1```\n(?:\n\1```text\n(.*?)^\1```\n)?",
    re.MULTILINE | re.DOTALL,
)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Program(NamedTuple):
    """A block of Python, and what the block of text right below says that it prints."""

    code: str
    printed: str | None


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _without_indentation(block: str, indentation: str) -> str:
    return re.sub(rf"^{indentation}", "", block, flags=re.MULTILINE)


def programs(page: Path) -> list[Program]:
    return [
        Program(
            _without_indentation(code, indentation),
            None if printed is None else _without_indentation(printed, indentation),
        )
        for indentation, code, printed in (
            (m[1], m[2], m[3]) for m in _PROGRAM.finditer(page.read_text())
        )
    ]


def blocks_of_commands(page: Path) -> list[str]:
    return _COMMANDS.findall(page.read_text())


def commands(page: Path) -> list[str]:
    """Each command alone, without comments."""
    return [
        " ".join(shlex.quote(word) for word in shlex.split(line, comments=True))
        for block in blocks_of_commands(page)
        for line in re.sub(r"\\\n", "", block).replace("&&", "\n").splitlines()
        if line.strip()
    ]


def export_encoders_only(monkeypatch):
    """Each endpoint takes tf2onnx seconds: pages and notebooks ask two of them."""
    from keras_concrete.serving import onnx_files

    found = onnx_files.endpoints
    monkeypatch.setattr(
        onnx_files,
        "endpoints",
        lambda model: {n: e for n, e in found(model).items() if n.startswith("encode")},
    )
