"""Where all commands print."""

from rich.console import Console

__all__ = ["console"]

console = Console(highlight=False)
