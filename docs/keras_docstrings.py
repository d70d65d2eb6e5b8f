"""Makes Markdown of the parts of Keras's docstrings that Google's style does not know."""

import re
import textwrap
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^Examples?:\n(?=>>>)", re.MULTILINE)
_SESSION = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
_BODY = r"((?: {4}.*\n?|\n)+)"
_SECTION = re.compile(
    rf"^(Call arguments|Input shape|Output shape|Shapes|Reference):\n{_BODY}",
    re.MULTILINE,
)
# Of a class: what a call returns.
_RETURNS = re.compile(rf"^(Returns):\n{_BODY}", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+): ", re.MULTILINE)


class KerasDocstrings(griffe.Extension):
    """Shows examples as code, and sections that Keras has as such."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrites the docstring of each object that is loaded."""
        if obj.docstring and obj.path.startswith("keras_concrete"):
            text = as_markdown(obj.docstring.value)
            if obj.is_class:
                text = _RETURNS.sub(_section, text)
            obj.docstring.value = text


def as_markdown(docstring: str) -> str:
    """Rewrites a docstring.

    Args:
        docstring: Without indentation.

    Returns:
        What Markdown and Google's style can read.
    """
    docstring = _SECTION.sub(_section, docstring)
    docstring = _EXAMPLE.sub("**Example:**\n\n", docstring)
    return _SESSION.sub(lambda match: f"```pycon\n{match[0]}\n```", docstring)


def _section(match: re.Match[str]) -> str:
    body = textwrap.dedent(match[2]).strip()
    if match[1] == "Call arguments":
        body = _ARGUMENT.sub(r"- **`\1`**: ", body)
    return f"**{match[1]}:**\n\n{body}\n\n"
