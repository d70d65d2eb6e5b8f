"""The documentation is built, whole and legible, and needs no other host."""

import html
import inspect
import re
import subprocess
import sys
import tomllib
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import keras_concrete as kc
from keras_concrete import schedules
from keras_concrete.networks import notation

ROOT = Path(__file__).parents[2]
MODULES = {
    "distributions": kc.distributions,
    "estimators": kc.estimators,
    "schedules": schedules,
    "networks.notation": notation,
}
# Classes and functions; constants and type aliases have no docstring.
THINGS = {
    f"{(kc if name in kc.__all__ else module).__name__}.{name}": getattr(module, name)
    for module in (kc, *MODULES.values())
    for name in module.__all__
    if inspect.isroutine(getattr(module, name)) or inspect.isclass(getattr(module, name))
    if getattr(module, name).__module__.startswith("keras_concrete")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The site."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, ROOT / "docs" / "build.py", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def site(folder):
    """The pages, by their path."""
    files = [*folder.rglob("*.html"), folder / "llms.txt"]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


@pytest.fixture(scope="module")
def entries(site):
    """What the pages of the API say of each name: its markup."""
    found = {}
    for path, page in site.items():
        if path.startswith("api/"):
            parts = re.split(r'<h2 id="(keras_concrete[\w.]+)"', page)
            found |= dict(zip(map(_once, parts[1::2]), parts[2::2], strict=True))
    return found


def _is_made(thing):
    """Whether a class has a constructor of its own."""
    return "__init__" in vars(thing)


def _once(name):
    """The name of a function, without that of the file of the same name."""
    return re.sub(r"\.(\w+)\.\1\b", r".\1", name)


def _words(markup):
    """The text, without markup, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup)).split())


def test_each_public_name_has_its_docstring_and_its_source(entries):
    assert len(THINGS) > 50
    for name, thing in THINGS.items():
        entry = entries[name]
        summary = inspect.getdoc(thing).split("\n\n")[0].replace("`", "")
        assert " ".join(summary.split()) in _words(entry).replace("`", ""), name
        if not is_dataclass(thing) and (inspect.isroutine(thing) or _is_made(thing)):
            assert "Source code in" in entry, name
        # An example is a block of code, and no section is left as plain text.
        if "Example:" in thing.__doc__:
            assert "<code>&gt;&gt;&gt;" in entry or 'class="gp"' in entry, name
        for heading in ("Args", "Returns", "Raises", "Call arguments", "Output shape"):
            assert f"<p>{heading}:" not in entry, name


def test_arguments_of_a_call_are_a_list(entries):
    _, _, call = entries["keras_concrete.ConcreteLogProb"].partition("Call arguments:")
    listed = call.partition("</ul>")[0]
    names = re.findall(r"<li>\s*(?:<p>)?<strong><code>(\w+)</code></strong>", listed)
    assert names == ["node", "logits", "drawn_logits", "training"]


def test_the_overview_leads_to_each_name(site):
    targets = re.findall(r'href="[\w.]+#([\w.]+)"', site["api/index.html"])
    assert set(THINGS) <= set(map(_once, targets))


def test_no_line_of_prose_is_taken_for_a_numbered_list(site):
    for path, page in site.items():
        if path.startswith("api/"):
            assert "<ol>" not in page, path


def test_all_that_is_loaded_is_there_and_on_no_other_host(site, folder):
    loaded = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]*)"')
    linked = re.compile(r'<link\b[^>]*rel="(?:stylesheet|preload)"[^>]*href="([^"]*)"')
    for path, page in site.items():
        urls = loaded.findall(page) + linked.findall(page)
        assert [url for url in urls if "//" in url] == [], path
        start = folder if path == "404.html" else (folder / path).parent
        missing = [u for u in urls if not (start / u.split("?")[0].lstrip("/")).exists()]
        assert missing == [], path
    assert any("results/mnist5k/samples.png" in page for page in site.values())


def test_each_page_of_the_documentation_is_in_the_navigation():
    config = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text())
    listed = set(re.findall(r"'(docs/[\w/-]+\.md)'", repr(config["project"]["nav"])))
    pages = {str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")}
    assert listed == pages


def test_the_digest_has_all_pages_and_all_names(site):
    text = site["llms.txt"]
    for path in (ROOT / "docs").rglob("*.md"):
        assert path.read_text().splitlines()[0] in text
    assert set(THINGS) <= set(map(_once, re.findall(r"^## ([\w.]+)", text, re.M)))
