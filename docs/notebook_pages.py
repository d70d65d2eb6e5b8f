"""Makes Markdown of a notebook, with what its cells printed and drew."""

import base64
from pathlib import Path
from typing import Any


def as_markdown(notebook: dict[str, Any], target: Path) -> str:
    """Writes the pictures of a notebook beside its page.

    Args:
        notebook: The file, as read by `json`.
        target: Path of the page, whose name the pictures bear.

    Returns:
        The page.
    """
    parts, pictures = [], 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                pictures += 1
                picture = target.with_name(f"{target.stem}-{pictures}.png")
                picture.write_bytes(base64.b64decode("".join(data["image/png"])))
                parts.append(f"![What the cell above drew]({picture.name})")
            elif "text/markdown" in data:
                parts.append("".join(data["text/markdown"]))
            else:
                text = "".join(output.get("text") or data.get("text/plain", ""))
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
