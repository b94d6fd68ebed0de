"""Makes docs/screens/*.svg: the live screen in five states, out of a real `devbox up` on a terminal.

A copy of sample/ is built, served, edited and broken as somebody would do it, and what then stands on the
terminal is drawn.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import urllib.request
import uuid
from pathlib import Path

from scripts.emulated import Emulated
from scripts.recording import DEVBOX, copied
from scripts.svg import picture

COLUMNS = 92
PATIENCE = 120.0
ROWS = 30
GREETINGS = ("Hello!", "Hello, world!", "Welcome!", "Welcome to the shop!")
GREETING = re.compile(r"^GREETING = .*$", re.MULTILINE)
SCREENS = {
    "first-build": "devbox in a terminal: the first build, step by step, the cached ones marked",
    "serving": "devbox in a terminal: a revision serves, a standby is ready, and where the time went",
    "failed-build": "devbox in a terminal: a build that failed, why, and the revision that keeps serving",
    "failed-start": "devbox in a terminal: a save that does not start, its traceback, and who keeps serving",
    "paused": "devbox in a terminal: saves wait until watching goes on",
}


class Tour:
    """A `devbox up` on a copy of the sample, brought from one state into the next."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._source = project / "app" / "main.py"
        self._requirements = project / "requirements.txt"
        self._needed = self._requirements.read_text()
        # A text that no build has seen: the step after it runs, however often this has been done before.
        self._requirements.write_text(f"{self._needed}# {uuid.uuid4().hex}\n")
        command = [*DEVBOX, "up", str(project), "-p", "8000"]
        self._terminal = Emulated(command, os.environ, COLUMNS, ROWS)

    def first_build(self) -> str:
        self._wait_for(r"[⠀-⣿] 6/7  RUN uv pip install .* 0\.[5-9]s|[⠀-⣿] 6/7 .* [1-9]\.\ds")
        return self._drawn("first-build")

    def serving(self) -> str:
        self._wait_for(r"revision \d+ serving · standby ready")
        # Images of an earlier run are kept, and the numbers go on from theirs.
        first = int(re.findall(r"revision (\d+) serving", self._terminal.text)[0])
        for number, greeting in enumerate(GREETINGS, first + 1):
            self._save(f'"{greeting}"')
            self._wait_for(rf"revision {number} serving · standby ready")
            self._ask()
        return self._drawn("serving")

    def failed_build(self) -> str:
        self._requirements.write_text(f"{self._needed}fastapi-no-such-plugin\n")
        self._wait_for(r"✗ build \d+ failed")
        return self._drawn("failed-build")

    def failed_start(self) -> str:
        self._requirements.write_text(self._needed)
        self._wait_for(r"revision \d+ serving · standby ready")
        self._save("greeting")
        self._wait_for(r"✗ revision \d+ failed to start")
        self._ask()
        return self._drawn("failed-start")

    def paused(self) -> str:
        self._save(f'"{GREETINGS[0]}"')
        self._wait_for(r"revision \d+ serving · standby ready")
        subprocess.run([*DEVBOX, "pause", str(self._project)], check=True, timeout=60)
        self._wait_for("paused: saves wait")
        return self._drawn("paused")

    def stop(self) -> None:
        self._terminal.stop()

    def _wait_for(self, pattern: str) -> None:
        self._terminal.wait_for(pattern, PATIENCE)

    def _save(self, greeting: str) -> None:
        self._terminal.rest(1.0)
        self._source.write_text(GREETING.sub(f"GREETING = {greeting}", self._source.read_text()))

    def _ask(self) -> None:
        with urllib.request.urlopen("http://127.0.0.1:8000/items", timeout=10) as answer:
            answer.read()
        self._terminal.rest(0.5)

    def _drawn(self, name: str) -> str:
        # What is drawn in parts is drawn whole.
        self._terminal.rest(0.2)
        return picture([self._terminal.lines], COLUMNS, SCREENS[name])


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description="Makes the pictures of the live screen out of a real run.")
    parser.add_argument("--out", type=Path, default=root / "docs" / "screens", help="the directory for them")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with copied(root / "sample") as project:
        tour = Tour(project)
        try:
            for name in SCREENS:
                path = options.out / f"{name}.svg"
                path.write_text(getattr(tour, name.replace("-", "_"))())
                print(f"{path}: {path.stat().st_size // 1024} kB")
        finally:
            tour.stop()


if __name__ == "__main__":
    main()
