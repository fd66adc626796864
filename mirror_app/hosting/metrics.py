"""Figures about the server for Prometheus, at a port of this machine only: `metrics_port` in the settings file."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mirror_app import activity
from mirror_app.errors import MirrorError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger(__name__)
_ADDRESS = "127.0.0.1"


class Activity:
    """Collects the counters and gauges of `mirror_app.activity`, as prometheus-client expects it."""

    def collect(self) -> "Iterator[Metric]":
        """Yield one metric for each counter and gauge."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, value in activity.counters().items():
            yield CounterMetricFamily(f"mirror_{name}", name.replace("_", " "), value=value)
        for name, value in activity.gauges().items():
            yield GaugeMetricFamily(f"mirror_{name}", name.replace("_", " "), value=value)


def serve_metrics(port: int) -> None:
    """Serve the figures, together with those of the process, until the process ends.

    Raises MirrorError if prometheus-client is not installed.
    """
    try:
        from prometheus_client import REGISTRY, start_http_server
    except ImportError as error:
        raise MirrorError(
            "metrics_port needs prometheus-client", culprit="metrics_port", hint="pip install '.[metrics]'"
        ) from error
    try:
        start_http_server(port, _ADDRESS)
    except OSError as error:  # such as another process of this server
        _log.warning("There are no figures at port %d: %s.", port, error.strerror)
    else:
        REGISTRY.register(Activity())
