"""The engine goes away and comes back: it is said, the port goes on answering, and edits are made up for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer

_ENGINE = "/var/run/docker.sock"


class Line:
    """A wire between devbox and the engine that can be cut and mended; the engine itself goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(_ENGINE)
                self._open += [client, engine]
                for source, target in ((client, engine), (engine, client)):
                    threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(folder: Path) -> Iterator[Line]:
    wire = Line(folder.parent / "engine.sock")
    yield wire
    wire.cut()


def test_an_engine_that_goes_away_and_comes_back(folder: Path, start: StartUp, line: Line) -> None:
    write_project(folder)
    up = start(DOCKER_HOST=f"unix://{line.path}")
    seq = up.served(bound=120)["seq"]
    line.cut()
    lost = up.wait_for("engine.lost", after=seq)
    assert lost["failure"]["what"]
    assert answer(up.url) == "one"
    write_server(folder, "made meanwhile")
    line.mend()
    up.wait_for("engine.back", after=lost["seq"])
    up.serves("made meanwhile")
    assert up.interrupt() == 130


def test_an_engine_that_goes_away_in_the_middle_of_a_build(folder: Path, start: StartUp, line: Line) -> None:
    write_project(folder)
    up = start(DOCKER_HOST=f"unix://{line.path}")
    seq = up.served(bound=120)["seq"]
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("echo installing", f"sleep 2 && echo {folder.name}"))
    up.wait_for("build.step", after=seq)
    line.cut()
    up.wait_for("engine.lost", after=seq)
    line.mend()
    up.wait_for("engine.back", after=seq)
    up.served(after=seq)
    assert answer(up.url) == "one"
