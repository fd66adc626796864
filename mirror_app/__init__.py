"""Mirror: look inside PyTorch image models."""

import os
from typing import TYPE_CHECKING

from mirror_app import former_imports  # noqa: F401 - lets former names be imported

if TYPE_CHECKING:
    from mirror_app.live.launch import mirror

__all__ = ["mirror"]

# Without it, Intel's matrix products round differently depending on memory alignment, so a request would not be
# reproducible bit for bit.
os.environ.setdefault("MKL_CBWR", "AUTO")


def __getattr__(name: str) -> object:
    """Import `mirror` on first use: PyTorch and the page take seconds to import."""
    if name != "mirror":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mirror_app.live.launch import mirror

    return mirror
