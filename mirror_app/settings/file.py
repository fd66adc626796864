"""The file itself: which one it is, and its tables."""

import os
import tomllib
from pathlib import Path

from mirror_app.errors import MirrorError

SERVER = "mirror"  # the table that is not a model's
_chosen: str | None = None


def use_settings_file(path: str | None) -> None:
    """Choose the settings file of this process; None or "" chooses the file that MIRROR_SETTINGS names."""
    global _chosen
    _chosen = path


def settings_file() -> Path | None:
    """Return the path of the settings file, or None."""
    path = _chosen or os.environ.get("MIRROR_SETTINGS")
    return Path(path).expanduser().resolve() if path else None


def table_label(name: str, path: Path) -> str:
    """Return the words with which error messages refer to a table."""
    return f"[{name}] in '{path.name}'"


def tables_of(path: Path) -> dict[str, object]:
    """Return the tables of a settings file by name; raise MirrorError if it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MirrorError(f"The settings file '{path}' cannot be read: {error.strerror}.", culprit=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MirrorError(f"The settings file '{path.name}' is not valid TOML: {error}.", culprit=path.name) from error
