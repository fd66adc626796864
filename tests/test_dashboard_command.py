"""`mirror serve`: the dashboard with its own options from anywhere, for this machine alone, until Ctrl+C."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mirror_app import dashboard
from tests import ROOT
from tests.server import wait_for

pytestmark = pytest.mark.minutes

PROGRAM = (sys.executable, "-m", "mirror_app")


@contextmanager
def started(
    *words: str, port: int, cwd: Path, program: Sequence[str] = PROGRAM, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `mirror *words` in a folder without options of its own, and wait until it answers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(cwd), **env}
    with subprocess.Popen(
        [*program, *words],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as command:
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", command)
            yield command
        finally:
            command.kill()


def opened(port: int, host: str = "localhost") -> ClientConnection:
    """A visitor's connection, by a name for this machine."""
    address = f"ws://{host}:{port}/_stcore/stream"
    line = socket.create_connection(("127.0.0.1", port))
    return connect(address, sock=line, subprotocols=[Subprotocol("streamlit")], max_size=2**28)


def messages(visitor: ClientConnection) -> Iterator[ForwardMsg]:
    """What the page sends in its first run."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    visitor.send(message.SerializeToString())
    while True:
        received = visitor.recv(timeout=120)
        assert isinstance(received, bytes)
        reply = ForwardMsg.FromString(received)
        yield reply
        if reply.WhichOneof("type") == "script_finished":
            return


def test_it_has_its_options_and_its_models_until_ctrl_c(free: int, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[mine]\nfactory = "torchvision.models:squeezenet1_1"\n')
    with started("serve", "--port", str(free), "--settings", "mine.toml", port=free, cwd=tmp_path) as command:
        with opened(free) as visitor:
            replies = list(messages(visitor))
        session = next(reply.new_session for reply in replies if reply.WhichOneof("type") == "new_session")
        options = dashboard.options()
        assert session.custom_theme.light.primary_color == options["theme.light.primaryColor"]
        assert list(session.custom_theme.dark.chart_categorical_colors) == options["theme.dark.chartCategoricalColors"]
        assert session.config.max_cached_message_age == options["global.maxCachedMessageAge"]
        assert not session.config.gather_usage_stats
        models = {
            option
            for reply in replies
            if reply.delta.new_element.WhichOneof("type") == "selectbox"
            for option in reply.delta.new_element.selectbox.options
        }
        assert {"shapes", "mine"} <= models
        command.send_signal(signal.SIGINT)
        output, _ = command.communicate(timeout=20)
    assert command.returncode == 0
    assert b"Traceback" not in output
    assert f"http://localhost:{free}" in output.decode()


def test_without_a_command_it_is_for_this_machine_and_variables_come_first(free: int, tmp_path: Path) -> None:
    variables = {"STREAMLIT_SERVER_PORT": str(free), "STREAMLIT_GLOBAL_MAX_CACHED_MESSAGE_AGE": "7"}
    with started(port=free, cwd=tmp_path, **variables):
        with pytest.raises(InvalidStatus), opened(free, "evil.example"):
            pass
        with opened(free, "127.0.0.1") as visitor:
            session = next(reply.new_session for reply in messages(visitor))
            assert session.config.max_cached_message_age == 7


def test_an_address_lets_others_in_by_the_names_that_are_allowed(free: int, tmp_path: Path) -> None:
    words = ("serve", "--address", "0.0.0.0", "--port", str(free))
    with started(*words, port=free, cwd=tmp_path):
        for host in ("192.168.0.7", "my-computer", "my-computer.local"):
            with opened(free, host) as visitor:
                assert next(messages(visitor)).WhichOneof("type") == "new_session"
        with pytest.raises(InvalidStatus), opened(free, "demo.example"):
            pass
        with closing(http.client.HTTPConnection("127.0.0.1", free)) as connection:
            connection.request("GET", "/", headers={"Host": "demo.example"})
            sentence = connection.getresponse().read().decode()
    (variable,) = re.findall(r"(\w+)=demo.example", sentence)
    with started(*words, port=free, cwd=tmp_path, **{variable: "demo.example"}):
        with pytest.raises(InvalidStatus), opened(free, "evil.example"):
            pass
        with opened(free, "demo.example") as visitor:
            assert next(messages(visitor)).WhichOneof("type") == "new_session"
