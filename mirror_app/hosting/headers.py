"""Headers that tell browsers what the pages of this server may do."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirror_app.hosting.limits import current_settings

# Streamlit's pages evaluate code and add styles at run time, and components are loaded as blobs. Nothing is loaded from
# other servers.
_SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' ws: wss: data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
# A notebook shows the page in a frame, and only its user knows the notebook's address, so the profile "own" allows
# every address. Hugging Face also shows its Spaces in a frame.
_FRAMES = {"own": "", "hosted": "'self' https://huggingface.co"}


class SecurityHeaders:
    """Middleware that adds the headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._policy = _policy(current_settings().profile)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "geolocation=(), microphone=()"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _policy(profile: str) -> str:
    frames = _FRAMES[profile]
    sources = {**_SOURCES, "frame-ancestors": frames} if frames else _SOURCES
    return "; ".join(f"{directive} {allowed}" for directive, allowed in sources.items())
