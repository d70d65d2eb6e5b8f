"""The paper's notation for belief networks, such as `200H~200H~784V`.

Read from left to right it is the order of conditional sampling: layers of units, H for
hidden and V for visible, joined by `-` for one affine map or `~` for two tanh layers and
an affine map. Units are counted in bits. Spaces and enclosing brackets are ignored. A
visible layer on the left is what all the rest is conditioned on.
"""

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Architecture", "parse_architecture"]

_EXAMPLE = "'200H~200H~784V'"


@dataclass(frozen=True)
class Architecture:
    """A parsed architecture.

    Attributes:
        latent_units: Bits of the hidden layers, from the top down.
        visible_units: Bits of the visible layer.
        links: `-` or `~` for each layer but the last: how the next depends on it.
        context_units: Units of the visible layer on the left, or None.
    """

    latent_units: tuple[int, ...]
    visible_units: int
    links: tuple[str, ...]
    context_units: int | None = None

    @property
    def is_linear(self) -> bool:
        """Whether every dependence is one affine map."""
        return set(self.links) == {"-"}

    @property
    def num_pixels(self) -> int:
        """Pixels of a whole image: those that are modelled and those of the context."""
        return (self.context_units or 0) + self.visible_units

    def split(self, images: Any) -> Any:
        """What the network is given of whole images, one a row.

        Args:
            images: Array or tensor `(num_images, num_pixels)`.

        Returns:
            The images; for a conditional network the pair of their first pixels, the
            context, and the others.
        """
        if self.context_units is None:
            return images
        return images[:, : self.context_units], self.modelled(images)

    def modelled(self, images: Any) -> Any:
        """The pixels of whole images that are modelled, which are their last.

        Args:
            images: Array or tensor `(num_images, num_pixels)`.

        Returns:
            Array or tensor `(num_images, visible_units)`.
        """
        return images[:, -self.visible_units :]

    def __str__(self) -> str:
        """The notation, without brackets."""
        layers = [] if self.context_units is None else [f"{self.context_units}V"]
        layers += [f"{units}H" for units in self.latent_units]
        linked = (layer + link for layer, link in zip(layers, self.links, strict=True))
        return "".join(linked) + f"{self.visible_units}V"


def parse_architecture(notation: str) -> Architecture:
    """Parses the notation of a belief network.

    Args:
        notation: Such as `200H~784V`, or `(392V-240H-240H-392V)`, which predicts the
            last layer from the first.

    Returns:
        The architecture.

    Raises:
        ValueError: If the notation is not well formed; the message points at the
            character that is not as expected.

    Example:
    >>> parse_architecture("(200H~784V)")
    Architecture(latent_units=(200,), visible_units=784, links=('~',), context_units=None)
    """
    if not isinstance(notation, str):
        raise ValueError(
            f"Argument `architecture` must be a string such as {_EXAMPLE}. "
            f"Received: architecture={notation!r}"
        )
    reader = _Reader(notation)
    bracketed = reader.accept(r"\(")
    latents: list[int] = []
    links: list[str] = []
    context = None
    while True:
        units = int(reader.expect(r"[1-9]\d*", "a number of units"))
        if reader.accept("V"):
            if links or not reader.follows(r"[^)]"):
                break
            context = units
        else:
            reader.expect("H", "'H' or 'V' after a number of units")
            latents.append(units)
        links.append(reader.expect("[-~]", "'-' or '~' before the next layer"))
    if not latents:
        reader.fail("at least one hidden layer before the visible one", back=True)
    if bracketed:
        reader.expect(r"\)", "')'")
    reader.expect("$", "the end, since the visible layer comes last")
    return Architecture(tuple(latents), units, tuple(links), context)


class _Reader:
    """Reads a string from left to right, skipping spaces, and points where it stops."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.last = 0

    def follows(self, pattern: str) -> re.Match | None:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        return re.compile(pattern).match(self.text, self.position)

    def accept(self, pattern: str) -> str | None:
        match = self.follows(pattern)
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
