"""devbox's own HEALTHCHECK is known again, and no other is taken for it."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.healthcheck import asked_path, can_be_asked, health_command


@given(st.integers(1, 65535), st.sampled_from(["", "/", "/health", "/a-b/c.d/_e/~f"]))
def test_what_is_written_is_known_again(port: int, path: str) -> None:
    test = ("CMD", *health_command(port, path))
    assert asked_path(test, port) == path
    assert asked_path(test, port % 65535 + 1) is None


@pytest.mark.parametrize(
    "test",
    [
        (),
        ("NONE",),
        ("CMD", "true"),
        ("CMD-SHELL", *health_command(80, "/x")),
        ("CMD", "python3", *health_command(80, "/x")[1:]),
        ("CMD", *health_command(80, "/x")[:2], health_command(80, "/x")[2] + "; exit(1)"),
        ("CMD", *health_command(80, "/x"), "more"),
        ("CMD", "python", "-c", "'127.0.0.1', 80 'GET', '/x'"),
    ],
)
def test_others_are_not(test: tuple[str, ...]) -> None:
    assert asked_path(test, 80) is None


@pytest.mark.parametrize("path", ["health", "/{id}", "/a'b", "/a b", "/a\\", ""])
def test_paths_that_do_not_fit_into_the_command(path: str) -> None:
    assert not can_be_asked(path)


@pytest.mark.parametrize(("path", "status", "good"), [("/", 200, True), ("/", 503, False), ("", 503, True)])
def test_it_does_what_it_says(path: str, status: int, good: bool) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        command = (sys.executable, *health_command(server.server_port, path)[1:])
        done = subprocess.run(command, timeout=30, check=False)
        server.shutdown()
        serving.join()
    assert (done.returncode == 0) is good
    assert subprocess.run(command, timeout=30, check=False, stderr=subprocess.DEVNULL).returncode != 0
