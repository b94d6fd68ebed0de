"""Driving the real CLI as a user would, and following what it says."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

# -P: the folder that it is typed in has modules of its own.
DEVBOX = (sys.executable, "-P", "-m", "devbox")
BOUND = 60.0
_POLL = 0.005

EventDict = dict[str, Any]


def wait_until(condition: Callable[[], Any], what: str, bound: float = BOUND) -> Any:
    """The first true value of `condition`; fails the test after `bound` seconds."""
    deadline = time.monotonic() + bound
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {bound:g}s: {what}"
        time.sleep(_POLL)
    return value


def get(url: str, path: str = "/", timeout: float = 10.0) -> tuple[int, str]:
    """Status and body of one GET over a connection of its own."""
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Accept": "application/json", "Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def answer(url: str, path: str = "/") -> str:
    """The body, '' where there is no good answer."""
    try:
        status, body = get(url, path)
    except OSError:
        return ""
    return body if status == 200 else ""


def run(
    *arguments: str, bound: float = BOUND, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """One devbox command to its end, typed in the folder `cwd` where one is given."""
    return subprocess.run(
        [*DEVBOX, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=bound,
        env={**os.environ, **environment},
        check=False,
    )


class Up:
    """A running `devbox up --output jsonl`, with every event it printed."""

    def __init__(self, root: Path, *arguments: str, port: str = "0:8000", **environment: str) -> None:
        publish = ("-p", port) if port else ()
        self.root = root
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devbox", "up", str(root), "--output", "jsonl", *publish, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.events: list[EventDict] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append(line)

    def of(self, kind: str) -> list[EventDict]:
        """Every event of a kind so far."""
        return [event for event in tuple(self.events) if event["kind"] == kind]

    def wait_for(self, kind: str, *, after: int = 0, bound: float = BOUND, **fields: Any) -> EventDict:
        """The first event of `kind` with these fields whose `seq` is above `after`."""

        def found() -> EventDict | None:
            for event in self.of(kind):
                if event["seq"] > after and all(event.get(name) == value for name, value in fields.items()):
                    return event
            assert self.process.poll() is None, f"devbox ended: {self.said()}"
            return None

        event: EventDict = self.until(found, f"{kind} {fields}", bound)
        return event

    def served(self, *, after: int = 0, bound: float = BOUND) -> EventDict:
        """The next `release.served`."""
        return self.wait_for("release.served", after=after, bound=bound)

    @property
    def seq(self) -> int:
        """The number of the last event so far."""
        return int(self.events[-1]["seq"]) if self.events else 0

    @property
    def url(self) -> str:
        """Where the application answers."""
        return str(self.of("release.served")[-1]["url"])

    def said(self) -> str:
        """Everything printed, for a failing test."""
        told = [event for event in self.events if event["kind"] != "app.log"] + self.of("app.log")[-10:]
        kinds = "\n".join(json.dumps(event)[:400] for event in told[-60:])
        return f"{kinds}\n{''.join(self.errors)}"

    def serves(self, text: str, path: str = "/", bound: float = BOUND) -> None:
        """Returns once the answer at `path` holds `text`."""
        self.until(lambda: text in answer(self.url, path), f"{text!r} at {path}", bound)

    def until(self, condition: Callable[[], Any], what: str, bound: float = BOUND) -> Any:
        """As `wait_until`, and a failure shows everything printed by then."""
        try:
            return wait_until(condition, what, bound)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None

    def interrupt(self, bound: float = BOUND) -> int:
        """Ctrl-C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(bound)
        for reader in self._readers:
            reader.join(5)
        return code

    def kill(self) -> None:
        """`kill -9` of the daemon and of nothing else."""
        self.process.kill()
        self.process.wait(BOUND)
