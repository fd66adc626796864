"""What is selected: a request together with the visualisation, parameters, picture and model that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirror_app import live
from mirror_app.engine.request import Request
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import checked
from mirror_app.ui.store import models
from mirror_app.visualisations import registry


@dataclass(frozen=True)
class Selection:
    """A request with what it names. A run of a page makes one and passes it on; each cell of a comparison has its own.

    Args:
        request: The request.
        entry: Its visualisation.
        values: The values of all parameters of the visualisation, by name.
        picture: Its picture.
    """

    request: Request
    entry: registry.Entry
    values: Mapping[str, Any]
    picture: Picture

    @classmethod
    def of(cls, request: Request, picture: Picture) -> "Selection":
        """Return the selection of `request`, whose input is `picture`.

        Raises:
            MirrorError: The visualisation is unknown, or a parameter is not accepted.
        """
        entry = registry.get(request.visualisation)
        return cls(request, entry, checked(entry.params, dict(request.params)), picture)

    @property
    def model(self) -> Model:
        """The model, looked up at each use.

        A cell of a comparison is selected before its model is loaded. And what outlives the run of a page, such as a
        fragment or a download button, must not hold a model that the cache has dropped.
        """
        return models.model(self.request.model, self.request.output)

    @property
    def layer_name(self) -> str:
        """The name of the layer; for the model itself, the name of the model."""
        return self.request.layer or live.display_name(self.request.model)

    @property
    def filter_number(self) -> int | None:
        """The number of the single filter that is selected, or None if all are, or none can be."""
        number: int | None = self.entry.kind.selected_filter(self.values)
        return number
