"""What the server does by itself: it warms up before the first visitor comes, and keeps its memory small."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from PIL import _imaging

from mirror_app import activity
from mirror_app.hosting import memory
from mirror_app.hosting.limits import current_settings
from mirror_app.hosting.metrics import serve_metrics

PERIOD = 15  # seconds between two collections
# Pillow takes memory in blocks. The memory allocator of Linux gives blocks above 32 MB back at once, and keeps smaller
# ones for each thread.
_PICTURE_BLOCK = 64 * 2**20


@asynccontextmanager
async def upkeep(warm_up: Callable[[], object], _app: object) -> AsyncGenerator[None, None]:
    """Do the work in the background as long as the server runs.

    A server for strangers answers only when it is warm. On one's own computer, the page appears at once and says what
    it waits for.
    """
    _imaging.set_block_size(_PICTURE_BLOCK)
    warming_up = asyncio.create_task(asyncio.to_thread(warm_up))
    settings = current_settings()
    if settings.metrics_port:
        serve_metrics(settings.metrics_port)
    if settings.profile == "hosted":
        _log_to_stderr()
        await warming_up
    tasks = [warming_up, asyncio.create_task(_collect_garbage())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    activity.LOG.addHandler(handler)
    activity.LOG.setLevel(logging.INFO)
    activity.LOG.propagate = False


async def _collect_garbage() -> None:
    """Free the pictures that Streamlit's cyclic references hold, and give the memory back to the system.

    Streamlit could collect after each run of a page instead, but with PyTorch loaded that costs a quarter of a second.
    """
    while True:
        await asyncio.sleep(PERIOD)
        await asyncio.to_thread(memory.collect)
