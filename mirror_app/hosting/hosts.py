"""Refuses requests for a name that is not this server's.

Without this check, a page of a stranger could let its own name point at this machine and then talk to the server as if
it were its own (DNS rebinding). Streamlit checks `server.allowedHosts` for its WebSocket only, and by default not at
all.
"""

from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from mirror_app.hosting.refusal import refuse

# Endings of names that nobody can register in the public DNS. Names without a dot cannot be registered either.
_LOCAL_ENDINGS = (".localhost", ".local")
_HEALTH = "/_stcore/health"  # whoever checks it uses the address of the machine


class Hosts:
    """Middleware that answers only requests whose Host header is allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        name = "" if scope["type"] == "lifespan" else _host_name(Headers(scope=scope).get("host", ""))
        if scope["type"] == "lifespan" or scope["path"].endswith(_HEALTH) or _is_allowed(name):
            await self._app(scope, receive, send)
            return
        problem = (
            f"This server does not answer for the name '{name}'. "
            f"If it should, start it with STREAMLIT_SERVER_ALLOWED_HOSTS={name or 'demo.example.org'}\n"
        )
        await refuse(scope, receive, send, PlainTextResponse(problem, status_code=400))


def _host_name(host: str) -> str:
    """Return the name in a Host header, without the port; "" if there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "")[:253].rstrip(".")
    except ValueError:
        return ""


def _is_allowed(name: str) -> bool:
    if patterns := config.get_option("server.allowedHosts"):
        return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
    return name != "" and ("." not in name or name.endswith(_LOCAL_ENDINGS) or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
