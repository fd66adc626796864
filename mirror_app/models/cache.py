"""Models held in memory up to a limit in bytes; the least recently used model is dropped first."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from mirror_app.models.model import Model


class ModelCache:
    """A cache of models by name that loads each model once, even when several threads request it together."""

    def __init__(self, load: Callable[[str], Model], limit: int) -> None:
        self._load = load
        self._limit = limit
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._guard = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    def get(self, name: str) -> Model:
        """Return the model of that name, loading it if needed; the newest model is kept whatever its size."""
        with self._guard:
            model_lock = self._loading.setdefault(name, threading.Lock())
        with model_lock:
            model = self._models.get(name) or self._load(name)
            self.put(model)
        return model

    def put(self, model: Model) -> None:
        """Add a model that was loaded elsewhere, and drop the oldest models beyond the limit."""
        with self._guard:
            self._models[model.name] = model
            self._models.move_to_end(model.name)
            while len(self._models) > 1 and self.bytes > self._limit:
                self._models.popitem(last=False)

    def __contains__(self, name: str) -> bool:
        return name in self._models

    @property
    def bytes(self) -> int:
        """The memory that the weights of all cached models take."""
        return sum(model.bytes for model in list(self._models.values()))
