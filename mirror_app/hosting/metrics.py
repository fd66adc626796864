"""Figures about the server for its owner, at a port of this machine only: `metrics_port` in the settings file.

`/` is a page to look at, and `/metrics` is for Prometheus.
"""

import html
import logging
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from mirror_app import activity
from mirror_app.errors import MirrorError
from mirror_app.hosting.memory import allocated_bytes

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger(__name__)
_ADDRESS = "127.0.0.1"
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<title>Mirror: what goes on</title>
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }}
body {{ margin: 2rem auto; max-width: 28rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td {{ border-bottom: 1px solid #8884; padding: 0.3rem 0 }}
td:last-child {{ font-variant-numeric: tabular-nums; text-align: right }}
</style>
</head>
<body>
<h1>What goes on</h1>
<table>
{rows}</table>
</body>
</html>
"""


class Activity:
    """Collects the counters and gauges of `mirror_app.activity`, as prometheus-client expects it."""

    def collect(self) -> "Iterator[Metric]":
        """Yield one metric for each counter and gauge."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, value in activity.counters().items():
            yield CounterMetricFamily(f"mirror_{name}", _in_words(name), value=value)
        for name, value in _gauges().items():
            yield GaugeMetricFamily(f"mirror_{name}", _in_words(name), value=value)


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Do not write each request to the log."""


def serve_metrics(port: int) -> None:
    """Serve the figures, together with those of the process, until the process ends.

    Raises MirrorError if prometheus-client is not installed.
    """
    try:
        from prometheus_client import REGISTRY, make_wsgi_app
    except ImportError as error:
        raise MirrorError(
            "metrics_port needs prometheus-client", culprit="metrics_port", hint="pip install '.[metrics]'"
        ) from error
    own_names = {f"{name}:{port}" for name in (_ADDRESS, "localhost")}
    for_prometheus = make_wsgi_app()

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ.get("HTTP_HOST") not in own_names:  # a website whose name was made to mean this machine
            start_response("400 Bad Request", [*_HEADERS])
            return []
        if environ["PATH_INFO"] == "/":
            start_response("200 OK", [*_HEADERS])
            return [_page().encode()]
        return for_prometheus(environ, start_response)

    try:
        server = make_server(_ADDRESS, port, answer, handler_class=_Handler)
    except OSError as error:  # such as another process of this server
        _log.warning("There are no figures at port %d: %s.", port, error.strerror)
    else:
        REGISTRY.register(Activity())
        Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _gauges() -> dict[str, float]:
    return {**activity.gauges(), "allocated_bytes": allocated_bytes()}


def _page() -> str:
    figures = {_in_words(name): f"{value:,.0f}" for name, value in sorted(activity.counters().items())}
    for name, value in sorted(_gauges().items()):
        is_size = name.endswith("_bytes")
        figures[_in_words(name.removesuffix("_bytes"))] = f"{value / 2**20:,.1f} MB" if is_size else f"{value:,.0f}"
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{value}</td></tr>\n" for name, value in figures.items())
    return _PAGE.format(rows=rows)


def _in_words(name: str) -> str:
    return name.replace("_", " ")
