"""Where the pixels of a picture are: in memory, or in a file that is decoded again when they are needed."""

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Protocol
from weakref import finalize

import numpy as np


class Pixels(Protocol):
    """The pixels of a picture, uint8 (H, W, 3), read-only, and their shape."""

    @property
    def array(self) -> np.ndarray:
        """The pixels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Their shape, (H, W, 3)."""

    @property
    def file_bytes(self) -> int:
        """The size of the file that is held as well; 0 if there is none."""


class PixelsInMemory:
    """Pixels that stay in memory."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape = array.shape
        self.file_bytes = 0


class PixelsInFile:
    """Pixels of a file, which `cache` may drop; `load` decodes the file again."""

    def __init__(self, array: np.ndarray, file_bytes: int, cache: "PixelCache", load: Callable[[], np.ndarray]) -> None:
        self.shape = array.shape
        self.file_bytes = file_bytes
        self._cache = cache
        self._load = load
        self._key = id(self)
        finalize(self, cache.drop_later, self._key)
        cache.put(self._key, array)

    @property
    def array(self) -> np.ndarray:
        """The pixels, decoded again if they were dropped."""
        return self._cache.get(self._key, self._load)


class PixelCache:
    """Holds decoded pixels up to `limit` bytes, and drops those that were not used for the longest time.

    Pixels larger than the limit are never held.

    Example:
        >>> import numpy as np
        >>> from mirror_app.images import PixelCache
        >>> cache = PixelCache(limit=100)
        >>> cache.get(1, lambda: np.zeros((5, 5, 3), np.uint8)).shape, cache.bytes
        ((5, 5, 3), 75)
        >>> cache.get(2, lambda: np.zeros((4, 5, 3), np.uint8)).shape, cache.bytes
        ((4, 5, 3), 60)
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrays: OrderedDict[int, np.ndarray] = OrderedDict()
        self._to_drop: deque[int] = deque()
        self._guard = Lock()

    @property
    def bytes(self) -> int:
        """The memory that the pixels take."""
        with self._guard:
            return self._bytes()

    def get(self, key: int, load: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the pixels under `key`, loaded again if they were dropped."""
        with self._guard:
            self._drop()
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
                return array
        array = load()
        self.put(key, array)
        return array

    def put(self, key: int, array: np.ndarray) -> None:
        """Hold pixels under `key`, and drop others beyond the limit."""
        with self._guard:
            self._drop()
            self._arrays[key] = array
            self._arrays.move_to_end(key)
            while self._arrays and self._bytes() > self._limit:
                self._arrays.popitem(last=False)

    def drop_later(self, key: int) -> None:
        """Forget the pixels under `key` soon. The garbage collector may call this at any moment: it takes no lock."""
        self._to_drop.append(key)

    def _drop(self) -> None:
        while self._to_drop:
            self._arrays.pop(self._to_drop.popleft(), None)

    def _bytes(self) -> int:
        self._drop()
        return sum(array.nbytes for array in self._arrays.values())
