"""Models that are held in memory, at most so many bytes of them: the one that was used longest ago goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from mirror_app.models.model import Model


class ModelCache:
    """Holds models by name; each is loaded once, however many ask for it at the same time."""

    def __init__(self, load: Callable[[str], Model], limit: int) -> None:
        self._load = load
        self._limit = limit
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._guard = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    def get(self, name: str) -> Model:
        """Return the model of that name, loaded where it is not held; the newest is kept whatever its size."""
        with self._guard:
            own = self._loading.setdefault(name, threading.Lock())
        with own:
            model = self._models.get(name) or self._load(name)
            self.put(model)
        return model

    def put(self, model: Model) -> None:
        """Hold a model that was loaded elsewhere, and let go of others where there are too many."""
        with self._guard:
            self._models[model.name] = model
            self._models.move_to_end(model.name)
            while len(self._models) > 1 and self.bytes > self._limit:
                self._models.popitem(last=False)

    def __contains__(self, name: str) -> bool:
        return name in self._models

    @property
    def bytes(self) -> int:
        """The memory that the weights of all the models on the shelf take."""
        return sum(model.bytes for model in self._models.values())
