"""The limits of this server, read from the settings file."""

from mirror_app.errors import MirrorError
from mirror_app.settings.limits import PROFILES, Limits
from mirror_app.settings.server import ServerSettings, server_settings


def current_settings() -> ServerSettings:
    """Return the settings of the server; while the settings file has an error, those of the profile "hosted"."""
    try:
        return server_settings()
    except MirrorError:  # every page shows the error
        return ServerSettings((), "hosted", PROFILES["hosted"])


def current_limits() -> Limits:
    """Return the limits of the server; while the settings file has an error, those of the profile "hosted"."""
    return current_settings().limits
