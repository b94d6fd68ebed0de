"""`devbox up -d` on a copy of sample/, with folders for its sockets and its journal of its own."""

from __future__ import annotations

import os
from pathlib import Path

from bench.app import App
from bench.child import BenchError, Child, output_of, run
from bench.contestants.devbox import DEVBOX, project_name, settings
from devbox.daemon.api.client import Client
from devbox.daemon.lock import runtime_directory, state_directory
from devbox.daemon.status import Status

START_BOUND = 600.0
DOWN_BOUND = 120.0
VERB_BOUND = 60.0


class Running:
    """The project and the devbox that runs it. Changes this process's environment: everything that it starts
    finds that devbox."""

    def __init__(self, scratch: Path) -> None:
        os.environ |= {"XDG_RUNTIME_DIR": str(scratch / "run"), "XDG_STATE_HOME": str(scratch / "state")}
        self.app = App.sample(scratch / "app", "soak")
        self.project = project_name(self.app)
        self.log = scratch / "devbox.log"
        self.sockets = scratch / "run"
        self.client = Client(self.app.folder)

    @property
    def state(self) -> Path:
        """Where its journal lies."""
        return state_directory(self.app.folder)

    @property
    def said(self) -> str:
        """What it wrote where nobody looks: tracebacks, and what was never retrieved."""
        path = runtime_directory(self.app.folder) / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def start(self) -> Status:
        """Serves; BenchError where it does not."""
        (self.app.folder / "devbox.toml").write_text(settings(self.app, warm=True))
        await run([DEVBOX, "up", "-d"], self.app.folder, self.log, START_BOUND)
        told = await output_of([DEVBOX, "status", "--json", str(self.app.folder)], VERB_BOUND)
        if told is None:
            raise BenchError("devbox status failed")
        return Status.model_validate_json(told)

    async def verb(self, *arguments: str) -> int:
        """The exit code of a verb; TimeoutError after a minute."""
        child = await self.begin(*arguments)
        try:
            return await child.wait(VERB_BOUND)
        finally:
            await child.stop(bound=1.0)

    async def begin(self, *arguments: str) -> Child:
        """A verb that goes on until it is stopped."""
        return await Child.start([DEVBOX, *arguments], self.app.folder, self.log)

    async def down(self) -> None:
        """Ends it and removes what it made, but for the images."""
        await run([DEVBOX, "down", "--volumes"], self.app.folder, self.log, DOWN_BOUND)
