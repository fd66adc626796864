"""The front end's own files as they travel, at each run of the page: what only their readers need is left out."""

import re
from pathlib import Path

_HERE = Path(__file__).parent


def front(file: str) -> str:
    """Return a script or a style sheet, such as «components/tiles.js», without comments and indentation."""
    text = (_HERE / file).read_text("utf-8")
    if file.endswith(".css"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))
