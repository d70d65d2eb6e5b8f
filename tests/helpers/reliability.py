"""Figures of reliability: printed by tests, kept by the command that the README names."""

from benchmarks import claims

MARKERS = "soak or reliability"
COMMAND = f'python -m pytest -n0 -m "{MARKERS}"'


def keep(name, rows):
    """Writes one test's figures, and the page of all that there are.

    `rows` maps what was counted to what it came to, or to a pair of what it should come
    to and what it came to.
    """
    file = claims.FOLDER / f"{name.replace(' ', '_').replace(',', '')}.json"
    claims.write(file, name, COMMAND, rows)
