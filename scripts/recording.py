"""A session on a copy of the sample, as a person would have it, recorded as the events that devbox told."""

from __future__ import annotations

import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devbox.events import AppLog, BuildFailed, Event, ReleaseFailed, ReleaseServed, from_json

# A project of its own, so that neither a running sample nor its volume is touched.
PROJECT = "shop"
GREETINGS = ("Hello!", "Hello, world!", "Welcome!", "Welcome to the shop!", "What would you like?")
REQUIREMENT = "humanize>=4"
PATIENCE = 600.0
DEVBOX = (sys.executable, "-m", "devbox")


def is_request(event: Event) -> bool:
    """Whether an event is the line that uvicorn logs of a request."""
    return isinstance(event, AppLog) and "HTTP/1.1" in event.line


class Session:
    """A running `devbox up`; its events are collected by a thread that ends with it."""

    def __init__(self, project: Path) -> None:
        self.events: list[Event] = []
        self._arrived: queue.Queue[Event | None] = queue.Queue()
        self._process = subprocess.Popen(
            [*DEVBOX, "up", str(project), "--output", "jsonl"], stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._arrived.put(from_json(line))
        self._arrived.put(None)

    def wait_for(self, wanted: Callable[[Event], bool]) -> None:
        """Collects events up to the one that is wanted; raises SystemExit when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                event = self._arrived.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                raise SystemExit("picture: devbox did not get there in time") from None
            if event is None:
                raise SystemExit(f"picture: devbox ended with exit code {self._process.wait(10)}")
            self.events.append(event)
            if wanted(event):
                return

    def ask(self) -> None:
        """Sends the application a request, and collects events up to the line it logs of it."""
        url = next(event.url for event in reversed(self.events) if isinstance(event, ReleaseServed))
        with urllib.request.urlopen(f"{url}/items", timeout=10) as answer:
            answer.read()
        self.wait_for(is_request)

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(10)


@contextmanager
def copied(sample: Path) -> Iterator[Path]:
    """A copy of the sample under a name of its own; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory) / PROJECT
        shutil.copytree(sample, project)
        settings = project / "devbox.toml"
        settings.write_text(settings.read_text().replace(f"{sample.name}-data", f"{PROJECT}-data"))
        try:
            yield project
        finally:
            subprocess.run([*DEVBOX, "down", str(project), "--volumes"], timeout=120, check=False)


def run_sample(sample: Path) -> list[Event]:
    """The events of a session on a copy of the sample: first build, edits, a dependency, a mistake, its
    repair, each followed by a request."""
    with copied(sample) as project:
        source, requirements = project / "app" / "main.py", project / "requirements.txt"
        greet = re.compile(r"^GREETING = .*$", re.MULTILINE)
        session = Session(project)

        def save(code: str, wanted: Callable[[Event], bool] = _served) -> None:
            time.sleep(1.5)  # as a person would: what was replaced has ended, the next standby is made
            source.write_text(greet.sub(f"GREETING = {code}", source.read_text()))
            session.wait_for(wanted)
            session.ask()

        try:
            session.wait_for(_served)
            session.ask()
            for greeting in GREETINGS[:-1]:
                save(f'"{greeting}"')
            time.sleep(1.5)
            requirements.write_text(f"{requirements.read_text()}{REQUIREMENT}\n")
            session.wait_for(_served)
            session.ask()
            save(f'"{GREETINGS[-1]}', lambda event: isinstance(event, ReleaseFailed | BuildFailed))
            save(f'"{GREETINGS[-1]}"')
        finally:
            session.stop()
        return session.events


def _served(event: Event) -> bool:
    return isinstance(event, ReleaseServed) and event.strategy != "adopted"
