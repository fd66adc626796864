"""Tries the files of docs/deploy on this machine: `make deploy-check`. Only loopback addresses are used."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.visitor import Visitor
from tests import ROOT
from tests.server import wait_for

FILES = ROOT / "docs" / "deploy"
RECOVERY = 11  # seconds: a little more than fail_timeout in the site
SETTINGS = '[mirror]\nprofile = "hosted"\n'


def free_ports(count: int) -> list[int]:
    """Return ports that are free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(command: list[str], **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the context ends."""
    with subprocess.Popen(command, env={**os.environ, **env}) as process:
        try:
            yield process
        finally:
            process.terminate()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Create a certificate for localhost; return its path and that of its key."""
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(),
            *("-addext", "subjectAltName=DNS:localhost", "-out", str(paths[0]), "-keyout", str(paths[1])),
        ],
        check=True,
        capture_output=True,
    )
    return paths


def site(folder: Path, http: int, https: int, processes: list[int]) -> Path:
    """Write the site of docs/deploy with these ports and a certificate of its own, inside a configuration of nginx."""
    chain, key = certificate(folder)
    text = (FILES / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;"),
        ("127.0.0.1:8501", f"127.0.0.1:{processes[0]}"),
        ("127.0.0.1:8502", f"127.0.0.1:{processes[1]}"),
        ("/etc/letsencrypt/live/demo.example.org/fullchain.pem", str(chain)),
        ("/etc/letsencrypt/live/demo.example.org/privkey.pem", str(key)),
        ("demo.example.org", "localhost"),
        ("https://$host$request_uri", f"https://$host:{https}$request_uri"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n"
        f"client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n{text}}}\n",
        encoding="utf-8",
    )
    return path


def check_nginx() -> None:
    """Visit two processes through nginx, end one of them, and visit again."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "mirror.toml").write_text(SETTINGS)
        http, https, *ports = free_ports(4)
        mirror = [sys.executable, "-m", "mirror_app", "serve", "--settings", str(folder / "mirror.toml")]
        env = {"STREAMLIT_SERVER_ALLOWED_HOSTS": "localhost", "STREAMLIT_SERVER_HEADLESS": "true"}

        def start(port: int) -> subprocess.Popen[bytes]:
            process = stack.enter_context(running([*mirror, "--port", str(port)], **env))
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
            return process

        processes = [start(port) for port in ports]
        configuration = site(folder, http, https, ports)
        os.environ["SSL_CERT_FILE"] = str(folder / "certificate.pem")
        nginx = ["nginx", "-p", name, "-c", str(configuration)]
        subprocess.run([*nginx, "-t"], check=True)
        wait_for(f"https://localhost:{https}/_stcore/health", stack.enter_context(running(nginx)))
        with urllib.request.urlopen(f"http://localhost:{http}/") as response:
            assert response.url == f"https://localhost:{https}/", response.url
            assert "max-age" in response.headers["Strict-Transport-Security"]
            assert "frame-ancestors" in response.headers["Content-Security-Policy"]
        url = f"https://localhost:{https}"
        with Visitor(url) as visitor:
            print("Through nginx:", visitor.run())
            print("An upload:", visitor.upload({"a.txt.png": b"no picture"})[0], visitor.sentences)
        for number, port in enumerate(ports):  # one of the two had the visitor
            processes[number].kill()
            processes[number].wait()
            with Visitor(url) as visitor:
                print(f"After process {number + 1} was killed:", visitor.run())
            processes[number] = start(port)
            time.sleep(RECOVERY)  # until nginx tries it again


def check_systemd() -> None:
    """Let systemd check the unit, with a program that exists here."""
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "mirror@8501.service"
        text = (FILES / "mirror@.service").read_text(encoding="utf-8")
        unit.write_text(text.replace("/opt/mirror/.venv/bin/mirror", sys.executable), encoding="utf-8")
        subprocess.run(["systemd-analyze", "verify", str(unit)], check=True)
    print("The unit is accepted by systemd-analyze.")


def main() -> None:
    """Check what can be checked here, and name what cannot."""
    for program, check in (("nginx", check_nginx), ("systemd-analyze", check_systemd)):
        if shutil.which(program):
            check()
        else:
            print(f"Not run here: there is no {program}.")
    has_docker = shutil.which("docker") and not subprocess.run(["docker", "info"], capture_output=True).returncode
    if has_docker:
        subprocess.run(["docker", "build", "-f", str(FILES / "Dockerfile"), "-t", "mirror", str(ROOT)], check=True)
    else:
        print("Not run here: there is no Docker, so the image was not built.")


if __name__ == "__main__":
    main()
