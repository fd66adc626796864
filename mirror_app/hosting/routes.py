"""Hides Streamlit's routes that are not for visitors."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Figures about the server, and an interface for programs that runs the page without a browser.
_HIDDEN = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/")


class Routes:
    """Middleware that answers 404 for the hidden routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that there is no such page."""
        if scope["type"] == "http" and any(route in scope["path"] for route in _HIDDEN):
            await PlainTextResponse("Not found\n", status_code=404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
