"""What stands in front of Streamlit, so that no visitor can harm the others: middleware and background work."""

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.middleware import Middleware

from mirror_app.hosting.compression import Compression
from mirror_app.hosting.headers import SecurityHeaders
from mirror_app.hosting.hosts import Hosts
from mirror_app.hosting.messages import Messages
from mirror_app.hosting.routes import Routes
from mirror_app.hosting.upkeep import upkeep
from mirror_app.hosting.uploads import Uploads
from mirror_app.hosting.visitors import Visitors


def guards(warm_up: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Return the arguments of `st.App` that put the middleware in front of Streamlit and start the background work.

    `warm_up` is called in a thread when the server starts, so that the first visitor does not wait for it.
    """
    kinds = (SecurityHeaders, Hosts, Routes, Visitors, Messages, Uploads, Compression)
    return {"middleware": [Middleware(kind) for kind in kinds], "lifespan": partial(upkeep, warm_up)}
