"""A selection: a request together with the visualisation, parameters, picture and model that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirror_app import live, targets
from mirror_app.engine.request import Request
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import TARGET, Value, checked
from mirror_app.ui.state.session import current
from mirror_app.ui.store import models
from mirror_app.visualisations import registry


@dataclass(frozen=True)
class Selection:
    """A request with the objects that it names.

    Each run of a page makes a selection and passes it on; each cell of a comparison has its own.

    Args:
        request: The request.
        entry: The visualisation of the request.
        values: The values of all parameters of the visualisation, by name.
        picture: The picture of the request.
        compared: The visitor's other pictures that the target names.
    """

    request: Request
    entry: registry.Entry
    values: Mapping[str, Any]
    picture: Picture
    compared: tuple[Picture, ...] = ()

    @classmethod
    def of(cls, request: Request, picture: Picture) -> "Selection":
        """Return the selection of `request`, whose input is `picture`.

        Raises:
            MirrorError: The visualisation is unknown, or a parameter is not accepted.
        """
        entry = registry.get(request.visualisation)
        values = checked(entry.params, dict(request.params))
        return cls(request, entry, values, picture, _compared(values.get(TARGET)))

    @property
    def model(self) -> Model:
        """The model, looked up at each use.

        A cell of a comparison has a selection before its model is loaded. Besides, a fragment or a download button
        outlives the run of its page, and must not hold a model that the cache has dropped.
        """
        return models.model(self.request.model, self.request.output)

    @property
    def layer_name(self) -> str:
        """The name of the layer; for the model itself, the name of the model."""
        return self.request.layer or live.display_name(self.request.model)

    @property
    def filter_number(self) -> int | None:
        """The number of the selected filter, or None if the whole layer is selected or there is nothing to select."""
        number: int | None = self.entry.kind.selected_filter(self.values)
        return number


def _compared(target: Value) -> tuple[Picture, ...]:
    """Return the pictures of this visitor that a target names."""
    if not isinstance(target, str) or not (parsed := targets.parse(target)).like:
        return ()
    pictures = current().pictures
    return tuple(pictures[name] for name in (parsed.like, parsed.unlike) if name in pictures)
