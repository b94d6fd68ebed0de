"""`uvicorn --reload` on the host, in a virtual environment of its own."""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

from bench.app import App
from bench.child import BenchError, Child, output_of, run
from bench.contestants.protocol import free_port, until_answered

INSTALL_BOUND = 300.0
START_BOUND = 30.0
STOP_BOUND = 10.0


class UvicornReload:
    """The sample's requirements and nothing else; what is watched with is what they bring along."""

    title = "uvicorn --reload"

    def __init__(self, app: App, scratch: Path) -> None:
        self.about = ""
        self._app = app
        self._scratch = scratch
        self._child: Child | None = None

    async def start(self) -> str:
        python = await _install(self._app.folder / "requirements.txt", self._scratch / "install.log")
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        command = [str(python), "-m", "uvicorn", "app.main:app", "--reload", "--port", str(port)]
        data = {"DATA_DIR": str(self._scratch / "data")}
        self._child = await Child.start(command, self._app.folder, self._scratch / "uvicorn.log", data)
        await until_answered(url, self._child, START_BOUND)
        ask_version = [str(python), "-c", "import uvicorn; print(uvicorn.__version__)"]
        version = await output_of(ask_version, START_BOUND)
        reloader = re.search(r"using (\w+)", self._child.log())
        self.about = f"uvicorn {version} with {reloader[1] if reloader else 'an unknown reloader'}"
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


async def _install(requirements: Path, log: Path) -> Path:
    """The Python of a virtual environment with `requirements`, made once and kept in the user's cache."""
    folder = _environment(requirements)
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        make = [sys.executable, "-m", "venv", "--clear", str(folder)]
        await run(make, requirements.parent, log, INSTALL_BOUND)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        await run(install, requirements.parent, log, INSTALL_BOUND)
        complete.touch()
    return python


def _environment(requirements: Path) -> Path:
    """Another folder for each interpreter and each text of the requirements."""
    made_from = "\n".join((sys.prefix, sys.version, requirements.read_text()))
    return user_cache_path("devbox") / f"bench-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}"
