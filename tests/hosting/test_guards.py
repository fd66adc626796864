"""What stands in front of Streamlit: what a hostile visitor sends does not reach the others."""

import gzip
import http.client
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mirror_app.hosting.messages import _ACCEPTED
from tests import ROOT
from tests.server import Answer, knock, serve

PAGE = ROOT / "tests" / "hosting" / "guarded_page.py"
VISITORS, UPLOAD_MEGABYTES = 3, 5
SETTINGS = f'[mirror]\nprofile = "hosted"\nvisitors = {VISITORS}\nupload_megabytes = {UPLOAD_MEGABYTES}\n'
MEGABYTE = 2**20

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with guarded(tmp_path_factory.mktemp("settings"), SETTINGS) as address:
        yield address


@contextmanager
def guarded(folder: Path, settings: str) -> Iterator[str]:
    file = folder / "mirror.toml"
    file.write_text(settings)
    # Without its token, anybody can upload: the quota alone protects the server here.
    options = ("--server.enableXsrfProtection", "false", "--server.enableCORS", "false")
    with serve(PAGE, *options, "--server.disconnectedSessionTTL", "2", env={"MIRROR_SETTINGS": str(file)}) as address:
        yield address


def opened(url: str, session: str = "") -> AbstractContextManager[ClientConnection]:
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    protocol = [Subprotocol(name) for name in ("streamlit", "token", session)[: 3 if session else 1]]
    return connect(address, subprotocols=protocol, max_size=2**28, compression=None)


def run(visitor: ClientConnection) -> tuple[str, str]:
    """Run the page; return its text and the id of the session."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    visitor.send(message.SerializeToString())
    text = session = ""
    while True:
        received = visitor.recv(timeout=60)
        assert isinstance(received, bytes)
        reply = ForwardMsg.FromString(received)
        if reply.WhichOneof("type") == "new_session":
            session = reply.new_session.initialize.session_id
        if reply.delta.new_element.WhichOneof("type") == "text":
            text = reply.delta.new_element.text.body
        if reply.WhichOneof("type") == "script_finished":
            return text, session


def upload(url: str, session: str, name: str, size: int) -> int:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n%s\r\n--x--\r\n' % bytes(size)
    path = f"/_stcore/upload_file/{session}/{name}"
    return Answer(url, path, "PUT", form, {"Content-Type": "multipart/form-data; boundary=x"}).status


def test_a_visitor_cannot_clear_what_all_visitors_share(url: str) -> None:
    with opened(url) as visitor, opened(url) as hostile:
        before, _ = run(visitor)
        assert before
        hostile.send(BackMsg(clear_cache=True).SerializeToString())
        assert run(hostile)[0] == before
        assert run(visitor)[0] == before


def test_only_messages_that_the_pages_send_are_passed_on() -> None:
    kinds = {field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields}
    operations = BackMsg.DESCRIPTOR.fields_by_name["backend_operation_request"].message_type
    payloads = {field.name for field in operations.oneofs_by_name["payload"].fields}
    assert (kinds | payloads) >= _ACCEPTED
    assert not _ACCEPTED & {
        "clear_cache",
        "install_skills",
        "set_run_on_save",
        "load_git_info",
        "debug_shutdown_runtime",
    }


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8501", 200),
        ("[::1]:8501", 200),
        ("192.168.0.7", 200),
        ("my-computer", 200),
        ("my-computer.local", 200),
        ("evil.example", 400),
        ("evil.example:8501", 400),
        ("evil.example.", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost@evil.example", 400),
        ("", 400),
        ("[", 400),
    ],
)
def test_a_name_that_a_stranger_can_register_is_refused(url: str, host: str, status: int) -> None:
    assert Answer(url, "/", headers={"Host": host}).status == status
    if status == 400:
        assert 400 <= knock(url, Host=host) < 500


def test_whoever_checks_the_health_need_not_know_the_name(url: str) -> None:
    assert Answer(url, "/_stcore/health", headers={"Host": "evil.example"}).status == 200


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/interact"])
def test_what_is_not_for_visitors_is_hidden(url: str, path: str) -> None:
    assert Answer(url, path).status == 404
    assert Answer(url, path, "POST").status == 404


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/metrics", "/guide", "/media/none.png"])
def test_every_answer_has_the_headers(url: str, path: str) -> None:
    headers = Answer(url, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert "default-src 'self'" in headers["Content-Security-Policy"]


def test_a_full_server_says_so_and_lets_the_next_one_in_when_somebody_leaves(url: str) -> None:
    with ExitStack() as visitors:
        first = visitors.enter_context(opened(url))
        for _ in range(VISITORS - 1):
            visitors.enter_context(opened(url))
        with pytest.raises(InvalidStatus), opened(url):
            pass
        page = Answer(url, "/", headers={"Accept": "text/html"})
        assert page.status == 503
        assert page.headers["Retry-After"]
        assert "Mirror is full" in page.text
        assert Answer(url, "/_stcore/health").status == 200
        first.close()
        with patient(url) as visitor:
            assert run(visitor)[0]


@contextmanager
def patient(url: str) -> Iterator[ClientConnection]:
    """A visitor who tries again until the server has noticed that another one has left."""
    with ExitStack() as stack:
        for _ in range(50):
            with suppress(InvalidStatus):
                visitor = stack.enter_context(opened(url))
                break
            time.sleep(0.1)
        yield visitor


def test_a_session_holds_no_more_uploads_than_the_limit(url: str) -> None:
    with patient(url) as visitor, patient(url) as neighbour:
        (_, session), (_, other) = run(visitor), run(neighbour)
        statuses = [upload(url, session, f"file-{number}", MEGABYTE) for number in range(UPLOAD_MEGABYTES + 3)]
        assert statuses == [204] * (UPLOAD_MEGABYTES - 1) + [413] * 4
        assert upload(url, other, "file", MEGABYTE) == 204
        assert Answer(url, f"/_stcore/upload_file/{session}/file-0", "DELETE").status == 204
        assert upload(url, session, "again", MEGABYTE) == 204


def test_all_sessions_together_hold_no_more_uploads_than_the_limit(tmp_path: Path) -> None:
    settings = f"{SETTINGS}all_upload_megabytes = 7\n"
    with guarded(tmp_path, settings) as url, opened(url) as visitor, opened(url) as neighbour:
        (_, session), (_, other) = run(visitor), run(neighbour)
        sessions = (session, session, session, other, other, other, other)
        statuses = [upload(url, each, f"file-{number}", MEGABYTE) for number, each in enumerate(sessions)]
        assert statuses == [204] * 6 + [413]


def test_uploads_of_one_file_at_once_count_each(url: str) -> None:
    with patient(url) as visitor, ThreadPoolExecutor(8) as together:
        _, session = run(visitor)
        statuses = list(together.map(lambda _: upload(url, session, "file", 2 * MEGABYTE), range(8)))
        assert set(statuses) == {204, 413}


def test_a_message_that_is_far_too_large_is_dropped_unread(url: str) -> None:
    with patient(url) as visitor:
        before, _ = run(visitor)
        message = BackMsg()
        message.rerun_script.query_string = "x" * 2 * MEGABYTE
        visitor.send(message.SerializeToString())
        assert run(visitor)[0] == before


def test_whoever_reconnects_to_a_session_is_let_in_although_the_server_is_full(url: str) -> None:
    with ExitStack() as stack:
        with patient(url) as visitor:
            _, session = run(visitor)
        for _ in range(VISITORS):
            stack.enter_context(patient(url))
        with pytest.raises(InvalidStatus), opened(url):
            pass
        with opened(url, session) as again:
            assert run(again)[1] == session


def test_many_small_files_are_bounded_too(url: str) -> None:
    with patient(url) as visitor:
        _, session = run(visitor)
        assert {upload(url, session, f"file-{number}", 0) for number in range(200)} == {204}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the open files in /proc")
def test_an_upload_is_never_on_the_disk(url: str) -> None:
    with patient(url) as visitor:
        text, session = run(visitor)
        folder = Path("/proc", text.split()[1], "fd")
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
            connection.putrequest("PUT", f"/_stcore/upload_file/{session}/file")
            connection.putheader("Content-Type", "multipart/form-data; boundary=x")
            connection.putheader("Content-Length", str(4 * MEGABYTE))
            head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            connection.endheaders(head + bytes(3 * MEGABYTE))  # the rest does not come
            end = time.monotonic() + 1
            while time.monotonic() < end:
                assert not [file for file in folder.iterdir() if int(file.name) > 2 and "(deleted)" in _target(file)]
                time.sleep(0.02)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed in the meantime
        return ""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the open files in /proc")
def test_sessions_end_although_nobody_else_comes_or_leaves() -> None:
    with serve(PAGE, "--server.disconnectedSessionTTL", "2") as address:
        with opened(address) as visitor:
            folder = Path("/proc", run(visitor)[0].split()[1], "fd")
        started_with = len(list(folder.iterdir()))  # with one session, which still waits for its visitor
        for _ in range(5):
            with opened(address) as visitor:
                run(visitor)
        assert len(list(folder.iterdir())) > started_with
        end = time.monotonic() + 20
        while len(list(folder.iterdir())) >= started_with:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_scripts_are_sent_compressed_to_browsers_that_ask_for_it(url: str) -> None:
    scripts = Path(streamlit.__file__).parent / "static" / "static" / "js"
    path = max(scripts.glob("*.js"), key=lambda each: each.stat().st_size)
    for _ in range(2):  # the second one is in the cache
        answer = Answer(url, f"/static/js/{path.name}", headers={"Accept-Encoding": "br, gzip"})
        assert gzip.decompress(answer.text.encode("latin-1")) == path.read_bytes()
        assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert int(answer.headers["Content-Length"]) == len(answer.text) < path.stat().st_size / 2
    for headers in ({}, {"Accept-Encoding": "gzip", "Range": "bytes=0-99"}):
        plain = Answer(url, f"/static/js/{path.name}", headers=headers)
        assert plain.headers["Content-Encoding"] is None
        assert path.read_bytes().startswith(plain.text.encode("latin-1"))
    assert Answer(url, "/", headers={"Accept-Encoding": "gzip"}).status == 200
    assert Answer(url, "/static/js/none.js", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] is None
