"""Builds the documentation: python docs/build.py [FOLDER], by default site/.

Pages are Markdown files of this repository, its notebooks, and the docstrings of all
public names. Links between them work in the repository and on the site alike.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import griffe
from api_pages import ApiPage, api_pages
from digest import digest
from notebook_pages import as_markdown

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "*.md",
    "docs/**/*.md",
    "docs/**/*.css",
    "docs/**/*.png",
    "results/**/*.md",
    "results/**/*.png",
    "benchmarks/README.md",
)
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def page_name(path: Path) -> Path:
    """Name of the page of a file: a README is the first page of its folder."""
    if path.suffix == ".ipynb":
        return path.with_suffix(".md")
    return path.with_name("index.md") if path.name == "README.md" else path


def with_links(text: str, source: Path, pages: set[Path]) -> str:
    """Has links name pages, and makes plain text of those to other files.

    Args:
        text: Markdown.
        source: The file that it is from, relative to the repository.
        pages: Files that are pages, relative to the repository.

    Returns:
        The text; what leads nowhere stays, for the strict build to refuse.
    """

    def link(match: re.Match[str]) -> str:
        label, target, anchor = match.groups(default="")
        path = (ROOT / source.parent / target).resolve()
        if path.is_dir() and (path / "README.md").exists():
            path, target = path / "README.md", f"{target.rstrip('/')}/README.md"
        if not path.exists() or not path.is_relative_to(ROOT):
            return match[0]
        if path.relative_to(ROOT) not in pages:
            return label
        return f"[{label}]({page_name(Path(target)).as_posix()}{anchor})"

    return _LINK.sub(link, text)


def stage(folder: Path, api: list[ApiPage]) -> list[Path]:
    """Writes all pages, and the pictures that they show, into a folder.

    Args:
        folder: Where to.
        api: Pages of public names.

    Returns:
        The notebooks' pages, relative to the folder.
    """
    files = {p for pattern in PAGES for p in ROOT.glob(pattern)}
    notebooks = sorted(ROOT.glob("notebooks/*.ipynb"))
    sources = {p.relative_to(ROOT) for p in [*files, *notebooks]}
    for source in sorted(sources):
        target = folder / page_name(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".ipynb":
            text = as_markdown(json.loads((ROOT / source).read_text()), target)
        elif source.suffix == ".md":
            text = (ROOT / source).read_text()
        else:
            shutil.copy(ROOT / source, target)
            continue
        target.write_text(with_links(text, source, sources))
    for page in api:
        (folder / page.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / page.path).write_text(page.text)
    return [page_name(notebook.relative_to(ROOT)) for notebook in notebooks]


def _nav(titles_and_pages: list[tuple[str, Path]]) -> str:
    entries = (
        f'{{ "{title}" = "{path.as_posix()}" }}' for title, path in titles_and_pages
    )
    return f"[{', '.join(entries)}]"


def build(site: Path) -> None:
    """Builds the site.

    Args:
        site: Folder to write; what it holds is deleted first.

    Raises:
        SystemExit: If there is a warning, such as of a broken link.
    """
    package = griffe.load(
        "keras_concrete", search_paths=[ROOT], resolve_aliases=True, resolve_implicit=True
    )
    api = api_pages(package)
    with tempfile.TemporaryDirectory() as name:
        staged = Path(name)
        notebooks = stage(staged / "pages", api)
        config = (ROOT / "docs" / "zensical.toml").read_text()
        titles = [path.stem.partition("-")[2].replace("-", " ") for path in notebooks]
        titles = [title[0].upper() + title[1:] for title in titles]
        config = config.replace(
            '"@notebooks"', _nav(list(zip(titles, notebooks, strict=True)))
        )
        config = config.replace('"@api"', _nav([(page.title, page.path) for page in api]))
        config = config.replace("@root", ROOT.as_posix())
        (staged / "zensical.toml").write_text(config)
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=staged,
            capture_output=True,
            text=True,
        )
        # What is wrong with a docstring griffe says, but does not count as a warning.
        if done.returncode or "griffe:" in done.stdout + done.stderr:
            raise SystemExit(done.stdout + done.stderr)
        (staged / "site" / "llms.txt").write_text(digest(staged / "pages", package, api))
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(staged / "site", site)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"
    build(target)
    print(target / "index.html")
