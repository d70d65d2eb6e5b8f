"""The pages of the API: all public names, by the module that defines them."""

from dataclasses import dataclass
from pathlib import Path

import griffe

# Modules that have pages of their own, whose names are used through them.
MODULES = ("distributions", "estimators", "schedules", "networks.notation")


@dataclass(frozen=True)
class ApiPage:
    """A page.

    Attributes:
        title: Its title.
        path: Where it is written, relative to the site.
        text: Markdown.
        names: Dotted names of what is on it.
    """

    title: str
    path: Path
    text: str
    names: list[str]


def _summary(described: griffe.Object | griffe.Alias) -> str:
    docstring = described.docstring.value if described.docstring else ""
    return " ".join(docstring.split("\n\n")[0].split())


def _public(module: griffe.Object | griffe.Alias) -> list[str]:
    """Names in `__all__`, and the classes that a module imports to register them."""
    exported = [str(name) for name in module.exports or []]
    others = [
        name
        for name, member in module.members.items()
        if isinstance(member, griffe.Alias) and member.target_path.startswith(module.path)
        if name not in exported and member.is_class
    ]
    return [*exported, *others]


def _page(title: str, path: str, opening: str, names: list[str]) -> ApiPage:
    entries = "\n\n".join(f"::: {name}" for name in names)
    return ApiPage(title, Path(path), f"# {title}\n\n{opening}\n\n{entries}\n", names)


def api_pages(package: griffe.Object | griffe.Alias) -> list[ApiPage]:
    """Lists the pages.

    Args:
        package: `keras_concrete`, with its aliases resolved.

    Returns:
        The pages, the one that lists all names first.
    """
    groups: dict[str, list[str]] = {}
    top = sorted(map(str, package.exports or []))
    for name in top:
        member, path = package[name], f"{package.path}.{name}"
        if member.is_module and name in member.members:
            # A function in a file of its name.
            member, path = member[name], f"{path}.{name}"
        if not member.is_module:
            module = member.canonical_path.split(".")[1]
            groups.setdefault(module, []).append(path)
    pages = [
        _page(
            group.replace("_", " ").capitalize(),
            f"api/{group}.md",
            _summary(package[group]),
            names,
        )
        for group, names in sorted(groups.items())
        if group not in MODULES
    ]
    for name in MODULES:
        module = package[name]
        names = [
            f"{(package if public in top else module).path}.{public}"
            for public in _public(module)
        ]
        described = module.docstring.value if module.docstring else ""
        pages.append(_page(f"`{module.path}`", f"api/{name}.md", described, names))
    lines = ["# API", "", "All that is public, in one line each.", ""]
    for page in pages:
        lines += [f"## {page.title}", ""]
        for name in page.names:
            shown = name if page.title.startswith("`") else name.rpartition(".")[2]
            link = f"[`{shown}`]({page.path.name}#{name})"
            lines.append(f"- {link}: {_summary(package[name.partition('.')[2]])}")
        lines.append("")
    titled = [
        ApiPage(page.title.strip("`"), page.path, page.text, page.names) for page in pages
    ]
    overview = ApiPage("Overview", Path("api/index.md"), "\n".join(lines), [])
    return [overview, *titled]
