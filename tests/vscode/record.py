"""Records what `devbox up` writes when something goes wrong: python -m tests.vscode.record [NAME ...]

Each of `failures.FAILURES` is made to happen in a project of its own on the engine at hand, and what devbox
writes until then goes to recorded/NAME.txt. A name that the machine gives (the folder, a process's number) is
replaced, all else is as it came.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import docker

from tests.vscode.failures import BUSY_PORT, FAILURES, PROJECT, Failure, write_project

RECORDED = Path(__file__).with_name("recorded")
_BOUND = 300.0
_SILENT = 0.5


class Watched:
    """A running `devbox up --output plain`, and every line it wrote to either stream, as in a terminal."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devbox", "up", str(root), "--output", "plain"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def until(self, start: str) -> None:
        """Returns once a line begins like this and no other one came for a moment."""
        deadline = time.monotonic() + _BOUND
        while not any(line.startswith(start) for line in self.lines):
            assert time.monotonic() < deadline, f"no {start!r} in:\n{''.join(self.lines)}"
            assert self.process.poll() is None or self._reader.is_alive(), "".join(self.lines)
            time.sleep(0.02)
        count = -1
        while count != len(self.lines):
            count = len(self.lines)
            time.sleep(_SILENT)

    def end(self) -> None:
        """Ctrl-C, and the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@contextmanager
def busy(port: int) -> Iterator[None]:
    """A port that somebody else holds."""
    with socket.create_server(("127.0.0.1", port)):
        yield


def watch(failure: Failure, root: Path) -> str:
    """What devbox writes until the failure, and its line with all that belongs to it."""
    if failure.at_start:
        failure.change(root)
    with busy(BUSY_PORT) if failure.name == "port_in_use" else nullcontext():
        up = Watched(root)
        try:
            if not failure.at_start:
                up.until("devbox: revision 1 serving")
                failure.change(root)
            up.until(failure.ends)
            return "".join(up.lines)
        finally:
            up.end()


def forget(folder: str) -> None:
    """Removes all that devbox made for the project, images too: the next recording begins with revision 1."""
    subprocess.run([sys.executable, "-m", "devbox", "down", folder, "--volumes"], check=True, timeout=60)
    client = docker.from_env()
    for image in client.images.list(filters={"label": f"dev.devbox.project={PROJECT}"}):
        client.images.remove(str(image.id), force=True)
    client.close()


def main() -> None:
    names = sys.argv[1:]
    for failure in FAILURES:
        if names and failure.name not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="devbox-recording-") as folder:
            root = Path(folder).resolve()
            write_project(root)
            try:
                text = watch(failure, root)
            finally:
                forget(folder)
        text = re.sub(r"\(pid \d+\)", "(pid 4242)", text.replace(str(root), "/workspace"))
        (RECORDED / f"{failure.name}.txt").write_text(text)
        print(f"{failure.name}: {len(text.splitlines())} lines of {PROJECT}", flush=True)


if __name__ == "__main__":
    main()
