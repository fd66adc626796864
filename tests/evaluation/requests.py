"""A request of the bundled model, and its result."""

from mirror_app import engine
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from tests.networks import quick

PICTURE = examples()[0]


def computed(key: str, layer: str = "features", **params: object) -> tuple[Request, engine.Result]:
    entry = registry.get(key)
    request = Request("shapes", PICTURE.id, layer, key, entry.canonical({**quick(entry), **params}))  # type: ignore[dict-item]
    return request, engine.run(request, catalogue.load("shapes"), PICTURE)
