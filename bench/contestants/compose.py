"""`docker compose watch` with the action rebuild: the peer that builds a real image with every save."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from bench.app import App
from bench.child import BenchError, Child, output_of, run
from bench.contestants.protocol import NotHere, free_port, until_answered

ASK_BOUND = 20.0
START_BOUND = 600.0
WATCH_BOUND = 60.0
STOP_BOUND = 30.0
DOWN_BOUND = 120.0


class ComposeWatch:
    """A project of its own with its own volume and image, all of which it removes."""

    title = "docker compose watch, rebuild"
    action = "rebuild"

    def __init__(self, app: App, scratch: Path) -> None:
        self.about = ""
        self._app = app
        self._scratch = scratch
        self._child: Child | None = None

    async def start(self) -> str:
        version = await output_of(["docker", "compose", "version", "--short"], ASK_BOUND)
        if version is None:
            raise NotHere("docker compose is not installed")
        if await output_of(["docker", "compose", "watch", "--help"], ASK_BOUND) is None:
            raise NotHere(f"docker compose {version} has no watch")
        self.about = f"compose {version}, action {self.action}"
        # A port that the engine picks would change with every container.
        port = free_port()
        (self._app.folder / "compose.json").write_text(json.dumps(_project(port, self.action)))
        # The first build is its own step, so that its failure is its own message.
        log = self._scratch / "compose.log"
        await run(self._command("up", "--build", "--detach"), self._app.folder, log, START_BOUND)
        self._child = await Child.start(self._command("watch", "--no-up"), self._app.folder, log)
        url = f"http://127.0.0.1:{port}/"
        await until_answered(url, self._child, WATCH_BOUND)
        return url

    def edit(self, text: str) -> float:
        saved = time.monotonic()
        self._app.say(text)
        return saved

    async def split(self) -> Mapping[str, float]:
        return {}

    def failure(self, what: str) -> BenchError:
        return BenchError(what) if self._child is None else self._child.failure(what)

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop(STOP_BOUND)
        if (self._app.folder / "compose.json").exists():
            down = self._command("down", "--volumes", "--rmi", "local", "--timeout", "2")
            await run(down, self._app.folder, self._scratch / "compose.log", DOWN_BOUND)
            # Compose forgets the images that its own rebuilds replaced.
            mine = f"label=com.docker.compose.project={project_name(self._app)}"
            prune = ["docker", "image", "prune", "--force", "--filter", mine]
            await run(prune, self._app.folder, self._scratch / "compose.log", DOWN_BOUND)

    def _command(self, *arguments: str) -> list[str]:
        return [
            "docker",
            "compose",
            "--file",
            "compose.json",
            "--project-name",
            project_name(self._app),
            *arguments,
        ]


class ComposeSync(ComposeWatch):
    """The same without a build: the file is put into the running container, which is then restarted."""

    title = "docker compose watch, sync+restart"
    action = "sync+restart"


def project_name(app: App) -> str:
    """The name of what this run of the bench makes, so that it touches nobody else's."""
    return f"devbox-bench-{os.getpid()}-{app.name}"


def _project(port: int, action: str) -> dict[str, object]:
    target = {} if action == "rebuild" else {"target": "/code/app"}
    # JSON is YAML, as far as Compose is concerned.
    return {
        "services": {
            "app": {
                "build": ".",
                "ports": [f"127.0.0.1:{port}:8000"],
                "volumes": ["data:/data"],
                "develop": {"watch": [{"action": action, "path": "./app", **target}]},
            }
        },
        "volumes": {"data": {}},
    }
