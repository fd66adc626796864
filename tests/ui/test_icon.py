"""The icon of the browser's tab travels in the page: an address of a file could be gone when it is fetched."""

import base64

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import local_script_runner

from tests import ROOT, app


def test_every_run_sends_the_icon_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[ForwardMsg] = []
    read = local_script_runner.LocalScriptRunner.forward_msgs

    def recorded(runner: local_script_runner.LocalScriptRunner) -> list[ForwardMsg]:
        sent = read(runner)
        messages.extend(sent)
        return sent

    monkeypatch.setattr(local_script_runner.LocalScriptRunner, "forward_msgs", recorded)
    test = app.page()
    test.switch_page("../pages/guide.py").run()
    icons = [one.page_config_changed.favicon for one in messages if one.page_config_changed.favicon]
    kind, _, content = icons[0].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content, validate=True) == (ROOT / "mirror_app" / "ui" / "icon.png").read_bytes()
    assert len(icons) > 1
    assert set(icons) == {icons[0]}
    assert len(icons[0]) < 2000  # it is sent with each run
