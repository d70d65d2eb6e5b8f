"""The documentation as one plain text, for language models and for `grep`."""

from pathlib import Path

import griffe
from api_pages import ApiPage

_PAGES = ("index.md", "docs/**/*.md", "CHANGELOG.md")


def digest(pages: Path, package: griffe.Object | griffe.Alias, api: list[ApiPage]) -> str:
    """Joins the pages, and the docstrings of all public names.

    Args:
        pages: Folder of the pages.
        package: `keras_concrete`.
        api: Pages of public names.

    Returns:
        The text.
    """
    files = [file for pattern in _PAGES for file in sorted(pages.glob(pattern))]
    parts = [
        f"<!-- {file.relative_to(pages).with_suffix('.html').as_posix()} -->\n"
        f"{file.read_text().strip()}"
        for file in files
    ]
    parts.append("# API")
    for page in api:
        for name in page.names:
            described = package[name.partition(".")[2]]
            docstring = described.docstring.value if described.docstring else ""
            signature = ""
            if described.is_class or described.is_function:
                listed = ", ".join(
                    p.name if p.default is None else f"{p.name}={p.default}"
                    for p in described.parameters
                    if p.name != "self"
                )
                signature = f"({listed})"
            parts.append(f"## {name}{signature}\n\n{docstring.strip()}")
    return "\n\n".join(parts) + "\n"
