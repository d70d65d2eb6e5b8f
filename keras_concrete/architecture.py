"""The paper's notation for belief networks, such as `200H~200H~784V`.

Read from left to right it is the order of conditional sampling: layers of units, H for
hidden and V for visible, joined by `-` for one affine map or `~` for two tanh layers and
an affine map. Units are counted in bits. Spaces and enclosing brackets are ignored.
"""

import re
from dataclasses import dataclass

__all__ = ["Architecture", "parse_architecture"]

_EXAMPLE = "'200H~200H~784V'"


@dataclass(frozen=True)
class Architecture:
    """A parsed architecture.

    Attributes:
        latent_units: Bits of the hidden layers, from the top down.
        visible_units: Bits of the visible layer.
        links: `-` or `~` for each latent layer: how the layer below depends on it.
    """

    latent_units: tuple[int, ...]
    visible_units: int
    links: tuple[str, ...]

    def __str__(self) -> str:
        """The notation, without brackets."""
        latents = zip(self.latent_units, self.links, strict=True)
        return "".join(f"{u}H{link}" for u, link in latents) + f"{self.visible_units}V"


def parse_architecture(notation: str) -> Architecture:
    """Parses the notation of a belief network.

    Args:
        notation: Such as `200H~784V` or `(200H-200H-784V)`.

    Returns:
        The architecture.

    Raises:
        ValueError: If the notation is not well formed; the message points at the
            character that is not as expected.

    Example:
    >>> parse_architecture("(200H~784V)")
    Architecture(latent_units=(200,), visible_units=784, links=('~',))
    """
    if not isinstance(notation, str):
        raise ValueError(
            f"Argument `architecture` must be a string such as {_EXAMPLE}. "
            f"Received: architecture={notation!r}"
        )
    reader = _Reader(notation)
    bracketed = reader.accept(r"\(")
    latents, links = [], []
    while True:
        units = int(reader.expect(r"[1-9]\d*", "a number of units"))
        if reader.accept("V"):
            break
        reader.expect("H", "'H' or 'V' after a number of units")
        latents.append(units)
        links.append(reader.expect("[-~]", "'-' or '~' before the next layer"))
    if not latents:
        reader.fail("at least one hidden layer before the visible one", back=True)
    if bracketed:
        reader.expect(r"\)", "')'")
    reader.expect("$", "the end, since the visible layer comes last")
    return Architecture(tuple(latents), units, tuple(links))


class _Reader:
    """Reads a string from left to right, skipping spaces, and points where it stops."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.last = 0

    def accept(self, pattern: str) -> str | None:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        match = re.compile(pattern).match(self.text, self.position)
        if match is None:
            return None
        self.last, self.position = self.position, match.end()
        return match.group()

    def expect(self, pattern: str, what: str) -> str:
        token = self.accept(pattern)
        if token is None:
            self.fail(what)
        return token or ""

    def fail(self, expected: str, back: bool = False) -> None:
        position = self.last if back else self.position
        found = repr(self.text[position]) if position < len(self.text) else "the end"
        raise ValueError(
            f"Argument `architecture` must be in the notation of {_EXAMPLE}. Expected "
            f"{expected} at position {position}, found {found}:\n"
            f"    {self.text}\n    {' ' * position}^"
        )
