"""The settings of the server: the table [mirror]."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeGuard

from mirror_app.errors import MirrorError
from mirror_app.settings.file import SERVER, require_valid, settings_file, table_label, tables_of
from mirror_app.settings.limits import PROFILES, Limits

_LIMITS = tuple(limit.name for limit in fields(Limits))
_EXPECTED = {
    "models_by_name": 'true, false, or a list of names such as "timm/*"',
    "profile": " or ".join(f'"{name}"' for name in PROFILES),
    "metrics_port": "a port, from 1 to 65535",
    **dict.fromkeys(_LIMITS, "a whole number above 0"),
}
_CHOICES = {"profile": tuple(PROFILES)}


@dataclass(frozen=True)
class ServerSettings:
    """The table [mirror] of the settings file.

    Args:
        models_by_name: Which models of the Hugging Face hub may be opened by name: patterns such as "timm/*".
        profile: "own" for one's own computer, "hosted" for a demo that is shared with strangers.
        limits: How much the visitors may use: the limits of the profile, except those that the table sets.
        metrics_port: The port of this machine at which Prometheus finds figures about the server; 0 for none.
    """

    models_by_name: tuple[str, ...] = ("*",)
    profile: str = "own"
    limits: Limits = field(default_factory=Limits)
    metrics_port: int = 0


def server_settings() -> ServerSettings:
    """Return the settings of the server, with defaults for those that are not given; raise MirrorError if invalid."""
    path = settings_file()
    table = tables_of(path).get(SERVER, {}) if path else {}
    label = table_label(SERVER, path) if path else ""
    if not isinstance(table, dict) or "factory" in table or "path" in table:
        raise MirrorError(
            f"{label} holds the settings of the server, so no model can have that name",
            culprit=SERVER,
            hint="choose another name for the model",
        )
    require_valid(table, label, _EXPECTED, _CHOICES, _is_valid)
    return _parsed(table)


def _parsed(table: Mapping[str, Any]) -> ServerSettings:
    profile = table.get("profile", "own")
    # Strangers may open models by name only if the owner lists them.
    names = table.get("models_by_name", profile != "hosted")
    patterns = tuple(names) if isinstance(names, list) else ("*",) if names else ()
    limits = replace(PROFILES[profile], **{name: table[name] for name in _LIMITS if name in table})
    return ServerSettings(patterns, profile, limits, table.get("metrics_port", 0))


def _is_valid(key: str, value: object) -> bool:
    match key:
        case "models_by_name" if isinstance(value, list):
            return all(isinstance(pattern, str) for pattern in value)
        case "models_by_name":
            return isinstance(value, bool)
        case "profile":
            return isinstance(value, str) and value in PROFILES
        case "metrics_port":
            return _is_whole(value) and value <= 65535
        case _:
            return _is_whole(value)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
