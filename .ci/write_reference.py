"""Writes the API reference: pages made from the docstrings by pdoc.

python .ci/write_reference.py docs
"""

import re
import sys
from pathlib import Path

import pdoc

import keras_concrete

# The package's page and those of the modules in its `__all__`; and modules that
# docstrings refer to.
PAGES = (
    "keras_concrete",
    "keras_concrete.networks.notation",
    "keras_concrete.schedules",
)

# A section as Keras has it, and pdoc does not know.
_CALL_ARGUMENTS = re.compile(r"^Call arguments:\n((?:\n| +.+\n?)+)", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+:)", re.MULTILINE)


def write_reference(folder: Path) -> Path:
    """Writes the pages.

    Args:
        folder: Where to write; made if it does not exist.

    Returns:
        The page to begin with.
    """
    for name in keras_concrete.__all__:
        getattr(keras_concrete, name)  # pdoc sees only what has been imported
    # pdoc makes one object for each module, and renders it below as it is left here.
    package, *others = map(pdoc.doc.Module.from_name, PAGES)
    package.submodules = [*package.submodules, *others]
    for module in (package, *package.submodules):
        for described in module.classes:
            _show_constructor(described)
            described.decorators = []  # Keras's registrations
            described.docstring = _list_call_arguments(described.docstring)
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*PAGES, output_directory=folder)
    return folder / "keras_concrete.html"


def _show_constructor(described: pdoc.doc.Class) -> None:
    """Has a class show the constructor that it inherits, which pdoc leaves out."""
    constructor = described.members.get("__init__")
    if constructor is not None:
        module, name = described.taken_from
        constructor.taken_from = (module, f"{name}.__init__")


def _list_call_arguments(docstring: str) -> str:
    """Makes Markdown of a section of call arguments, as pdoc does of `Args`."""

    def as_list(section: re.Match[str]) -> str:
        items = _ARGUMENT.sub(r" - **\1**", section[1])
        return f"###### Call arguments:\n{items}\n"

    return _CALL_ARGUMENTS.sub(as_list, docstring)


if __name__ == "__main__":
    print(write_reference(Path(*sys.argv[1:2] or ["docs"])))
