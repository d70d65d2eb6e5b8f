"""What an audit found."""

from typing import NamedTuple

__all__ = ["Finding"]


class Finding(NamedTuple):
    """A fault; `str(finding)` is one sentence with the layer's name and the remedy.

    Attributes:
        kind: `"soft straight-through"`, `"no gradient"`, `"probabilities as logits"`,
            `"constant units"` or `"training gap"`.
        layer: Name of the layer, or of the model.
        problem: What is wrong.
        remedy: What to do.

    Example:
    >>> print(Finding("no gradient", "gate", "passes no gradient back", "use a sampler"))
    The layer 'gate' passes no gradient back: use a sampler.
    """

    kind: str
    layer: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"The layer {self.layer!r} {self.problem}: {self.remedy}."
