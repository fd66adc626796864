"""The file itself: which one it is, and its tables."""

import os
import tomllib
from collections.abc import Callable, Mapping
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


def require_valid(
    table: Mapping[str, object],
    label: str,
    expected: Mapping[str, str],
    choices: Mapping[str, tuple[str, ...]],
    is_valid: Callable[[str, object], bool],
) -> None:
    """Raise MirrorError if a table has an unknown key or a value that is not accepted.

    Args:
        table: The table.
        label: The words that refer to it.
        expected: A description of what is accepted, for each key that may be set.
        choices: The values that are accepted, for the keys that have only a few.
        is_valid: Tells whether a value is accepted for a key.
    """
    for key, value in table.items():
        if key not in expected:
            raise MirrorError(
                f"{label} has an unknown key '{key[:40]}'. Use {', '.join(expected)}.",
                culprit=key,
                accepted=tuple(expected),
            )
        if not is_valid(key, value):
            raise MirrorError(
                f"{label}: {key} cannot be {str(value)[:60]!r}. Expected {expected[key]}.",
                culprit=str(value),
                accepted=choices.get(key, expected[key]),
            )
