"""The API reference: pages from the docstrings, by pdoc.

python -m keras_concrete.reference docs
"""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

__all__ = ["main", "write_reference"]


def write_reference(folder: Path) -> Path:
    """Writes the pages.

    Args:
        folder: Where to; made if it is not there.

    Returns:
        The page to begin with.

    Raises:
        ImportError: If pdoc is not installed.
    """
    try:
        import pdoc
    except ImportError as error:
        raise ImportError(
            "The reference is written by pdoc, which is not installed: "
            "pip install 'keras_concrete[docs]'"
        ) from error
    package = importlib.import_module("keras_concrete")
    for name in package.__all__:
        thing: Any = getattr(package, name)  # pdoc sees what has been imported
        if inspect.isclass(thing):
            own: Any = thing
            own.__init__ = thing.__init__  # and what a class itself defines
    pdoc.docstrings.GOOGLE_LIST_SECTIONS.append("Call arguments")
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(package.__name__, output_directory=folder)
    return folder / "keras_concrete.html"


def main() -> None:
    """Writes the pages to the folder that is named, or to `docs`."""
    print(write_reference(Path(*sys.argv[1:2] or ["docs"])))


if __name__ == "__main__":
    main()
