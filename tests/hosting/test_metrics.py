"""What the owner of a server sees: figures at a port of this machine, and lines of JSON in the log."""

import json
import re
import sys
import urllib.request

import pytest

from benchmarks.visitor import Visitor
from mirror_app import activity
from tests.hosting.test_attacks import picture
from tests.server import Answer, hosted

pytestmark = pytest.mark.page


def test_the_owner_sees_figures_and_views_but_no_names_of_files(free: int, capfd: pytest.CaptureFixture[str]) -> None:
    with hosted(f"metrics_port = {free}") as url:
        with Visitor(url) as visitor:
            visitor.run()
            visitor.run()
            visitor.upload({"secret.png": picture(40)})
        with urllib.request.urlopen(f"http://127.0.0.1:{free}/metrics") as answer:
            figures = dict(re.findall(r"^mirror_(\w+) (\S+)$", answer.read().decode(), re.MULTILINE))
        page = Answer(f"http://127.0.0.1:{free}", "/").text
        strangers = {"Host": f"example.org:{free}"}
        assert Answer(f"http://127.0.0.1:{free}", "/metrics", headers=strangers).status == 400
    assert "<td>computed views</td><td>2</td>" in page
    assert "<td>picture</td><td>0.0 MB</td>" in page
    assert float(figures["allocated_bytes"]) > 10**7 or sys.platform != "linux"
    assert {name: float(value) for name, value in figures.items()}.items() >= {
        ("visits_total", 1.0),
        ("computed_views_total", 2.0),
        ("cached_views_total", 1.0),
        ("unfinished_computations", 0.0),
        ("picture_bytes", 40 * 40 * 3.0),
    }
    log = capfd.readouterr().err
    views = [json.loads(line) for line in re.findall(r"{.*}", log)]
    assert [view["cached"] for view in views] == [False, True, False]
    assert {(view["event"], view["model"], view["layer"], view["visualisation"]) for view in views} == {
        ("view", "shapes", "features", "grad-cam")
    }
    assert all(view["open_pages"] == 1 and view["seconds"] < 60 for view in views)
    assert "secret" not in log


def test_counters_add_up_and_gauges_tell_the_current_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "_gauges", {})
    before = activity.counters().get("example", 0)
    activity.count("example")
    activity.count("example", 2.5)
    assert activity.counters()["example"] == before + 3.5
    owner = {1, 2, 3}
    activity.add_gauge("example", owner, len)
    assert activity.gauges() == {"example": 3}
    del owner
    assert activity.gauges() == {}
