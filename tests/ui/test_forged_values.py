"""What a visitor sends in place of a component's report: nothing fails, and the session goes on."""

import json
import math
from typing import Any

import pytest

from benchmarks.visitor import Visitor
from tests import ROOT
from tests.server import serve

FORGED: tuple[Any, ...] = (10**9, -1, math.nan, 1.5, "x", None, [0], [10**9, -1], ["a", {}], {"name": []})
PAGES = ("", "visualisation=activations", "model=shapes-transformer&visualisation=attention")


@pytest.mark.page
def test_whatever_a_component_reports_nothing_fails_and_the_session_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    with serve(ROOT / "mirror_app" / "main.py") as url:
        for query in PAGES:
            with Visitor(url) as visitor:
                assert visitor.run(query).picture < math.inf
                assert len(visitor.components) > 5
                for value in FORGED:
                    events = [{"event": name, "value": value} for name in ("picked", "drawn", "went")]
                    for report in ({"picked": value, "drawn": value}, events):
                        visitor.run(query, reports=dict.fromkeys(visitor.components, json.dumps(report)))
    log = capfd.readouterr().err
    assert "Uncaught" not in log
    assert "mirror_app" not in log  # Streamlit logs what it cannot read itself, with a traceback of its own
