"""Arguments as they are typed."""

__all__ = ["listed"]


def listed(text: str) -> list[str]:
    """The names of a list a,b,...; spaces around them do not count.

    Args:
        text: What was typed.

    Example:
    >>> listed("vimco, concrete")
    ['vimco', 'concrete']
    """
    return [name.strip() for name in text.split(",")]
