"""Starts the dashboard: `mirror serve`."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

_HERE = Path(__file__).resolve().parent
MAIN = _HERE / "main.py"
# The options are next to the package in the repository, and inside it in a wheel.
_OPTIONS = next(folder for folder in (_HERE.parent, _HERE) if (folder / ".streamlit").is_dir())
THIS_MACHINE = ("localhost", "127.0.0.1")
ADDRESS_VARIABLE = "STREAMLIT_SERVER_ADDRESS"


def serve(address: str, port: int | None = None, settings: str | None = None) -> None:
    """Serve the dashboard until Ctrl+C, as `streamlit run mirror_app/main.py` does from the folder of the repository.

    Streamlit's environment variables, such as STREAMLIT_SERVER_MAX_UPLOAD_SIZE, override the dashboard's own options.

    Args:
        address: The address to listen on. If it is localhost or 127.0.0.1, requests for other host names are refused.
            With another address, requests for a public name are refused unless STREAMLIT_SERVER_ALLOWED_HOSTS lists it.
        port: The port. By default, 8501 or the next free one.
        settings: A file with the models to offer.
    """
    from streamlit.web import cli

    defaults = {
        name.replace(".", "_"): json.dumps(value) if isinstance(value, list) else value  # lists are passed as JSON
        for name, value in options().items()
    }
    if address in THIS_MACHINE:
        defaults["server_allowedHosts"] = THIS_MACHINE
    words = ["run", str(MAIN), "--server.address", address]
    if port is not None:
        words += ["--server.port", str(port)]
    if settings:
        words += ["--", "--settings", settings]
    with suppress(click.Abort):  # Ctrl+C
        cli.main(words, prog_name="streamlit", standalone_mode=False, default_map={"run": defaults})


def options() -> dict[str, Any]:
    """Return the dashboard's options, from .streamlit/config.toml, by their full names.

    Example:
        >>> from mirror_app import dashboard
        >>> dashboard.options()["server.maxUploadSize"]
        10
    """
    text = (_OPTIONS / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(text)))


def _flat(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
