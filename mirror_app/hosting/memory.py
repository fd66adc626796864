"""The memory of this process: collected, given back to the system, and counted."""

import ctypes
import gc
import sys
from typing import Any

# The fields of `struct mallinfo2` in malloc.h, of the GNU C library.
_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _AllocatorInfo(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


def collect() -> None:
    """Free what only cyclic references hold, and give the memory back to the system."""
    gc.collect()
    trim = _library_function("malloc_trim")
    if trim:
        trim(0)


def allocated_bytes() -> int:
    """Return how many bytes the memory allocator has handed out, or 0 if it does not tell."""
    read = _library_function("mallinfo2")
    if not read:
        return 0
    read.restype = _AllocatorInfo
    info = read()
    return int(info.uordblks + info.hblkhd)


def _library_function(name: str) -> Any:
    # Only the GNU C library has these functions.
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
