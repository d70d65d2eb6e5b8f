"""The API reference is written, whole and legible."""

import html
import inspect
import re
import runpy
from pathlib import Path

import pytest

import keras_concrete as kc
from keras_concrete import schedules
from keras_concrete.networks import notation

SCRIPT = Path(__file__).parents[2] / ".ci" / "write_reference.py"
PAGES = {
    "": kc,
    "distributions": kc.distributions,
    "estimators": kc.estimators,
    "schedules": schedules,
    "networks.notation": notation,
}
OTHERS = [page for page in PAGES if page]
# Classes and functions; other modules, constants and type aliases have no docstring.
THINGS = [
    (page, name)
    for page, module in PAGES.items()
    for name in module.__all__
    if inspect.isroutine(getattr(module, name)) or inspect.isclass(getattr(module, name))
    if getattr(module, name).__module__.startswith("keras_concrete")
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages as text, by the name of their module."""
    folder = tmp_path_factory.mktemp("docs")
    first = runpy.run_path(str(SCRIPT))["write_reference"](folder)
    found = {"": first.read_text()}
    for module in OTHERS:
        path = folder / "keras_concrete" / f"{module.replace('.', '/')}.html"
        found[module] = path.read_text()
    return found


def _section(page, name):
    """What the page says of one name: its markup."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', page, flags=re.DOTALL)
    assert found, f"{name} is not on the page"
    return found[1]


def _words(markup):
    """The text, without markup, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup)).split())


@pytest.mark.parametrize(("page", "name"), THINGS)
def test_each_public_name_has_its_docstring_on_a_page(page, name, pages):
    section = _section(pages[page], name)
    docstring = getattr(PAGES[page], name).__doc__
    summary = docstring.split("\n\n")[0].replace("`", "")
    assert " ".join(summary.split()) in _words(section)
    # An example is a block of code, and no section is left as plain text.
    if "Example:" in docstring:
        assert 'class="pdoc-code codehilite"' in section
    for heading in ("Args", "Returns", "Raises", "Call arguments", "Output shape"):
        assert f"<p>{heading}:" not in section
    assert not re.search(r"\*\*<strong>|\*\*\w+:?\*\*", section)


@pytest.mark.parametrize(
    "name", [name for page, name in THINGS if not page and name[0].isupper()]
)
def test_each_class_shows_how_it_is_made(name, pages):
    shown = f'<span class="name">{name}</span><span class="signature'
    # A protocol is not made, and one callback takes no arguments.
    if name not in ("LatentVariableModel", "TemperatureLog"):
        assert shown in _section(pages[""], name)


def test_arguments_of_a_call_are_a_list(pages):
    section = _section(pages[""], "ConcreteLogProb")
    _, _, call = section.partition('<h6 id="call-arguments">Call arguments:</h6>')
    listed = call.partition("</ul>")[0]
    names = re.findall(r"<li><strong>(\w+):</strong>", listed)
    assert names == ["node", "logits", "drawn_logits", "training"]
    assert _words(listed).endswith("or the discrete one.")


def test_the_first_page_leads_to_the_others(pages):
    for page in OTHERS:
        assert f'href="keras_concrete/{page.replace(".", "/")}.html"' in pages[""]


def test_what_docstrings_refer_to_in_the_package_has_a_page(pages):
    for page in pages.values():
        assert not re.findall(r"<code>keras_concrete\.[\w.]+</code>", page)


def test_no_line_of_prose_is_taken_for_a_numbered_list(pages):
    for page in pages.values():
        assert "<ol" not in page


def test_writing_the_pages_leaves_the_classes_alone(pages):
    assert "__init__" not in vars(kc.BinaryConcreteSample)
