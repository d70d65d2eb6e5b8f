"""The API reference is written, whole and legible."""

import html
import re

import pytest

import keras_concrete as kc
from keras_concrete import reference


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The first page, as text."""
    return reference.write_reference(tmp_path_factory.mktemp("docs")).read_text()


def _section(page, name):
    """What the page says of one name: its markup."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', page, flags=re.DOTALL)
    assert found, f"{name} is not on the page"
    return found[1]


@pytest.mark.parametrize("name", [n for n in kc.__all__ if n != "distributions"])
def test_each_public_name_has_its_docstring_on_the_page(name, page):
    section = _section(page, name)
    text = html.unescape(re.sub(r"<[^>]*>", "", section))
    words = getattr(kc, name).__doc__.splitlines()[0].replace("`", "")
    assert words in " ".join(text.split())
    # An example is a block of code, and no section is left as plain text.
    if "Example:" in getattr(kc, name).__doc__:
        assert 'class="pdoc-code codehilite"' in section
    for heading in ("Args", "Returns", "Raises", "Call arguments", "Output shape"):
        assert f"<p>{heading}:" not in section
    assert "**<strong>" not in section
    if isinstance(getattr(kc, name), type) and name != "TemperatureLog":
        assert f'<span class="name">{name}</span><span class="signature' in section


def test_the_page_leads_to_the_distributions(page):
    assert "keras_concrete/distributions.html" in page
