"""The files that are saved, each time from the sample's own, so that every save heals the one before."""

from __future__ import annotations

import time

from bench.app import App, with_greeting
from bench.soak.mix import Change

_MAIN, _DOCKERFILE, _REQUIREMENTS = "app/main.py", "Dockerfile", "requirements.txt"
_COPY_APP = "COPY app app\n"


class Source:
    """The files of an application; what is written differs from any run before."""

    def __init__(self, app: App) -> None:
        self._app = app
        # Code that was built before, here or in another run, would come out of the builder's cache.
        self._run = f"{time.time_ns():x}"
        self._main, self._dockerfile, self._requirements = (
            (app.folder / path).read_text() for path in (_MAIN, _DOCKERFILE, _REQUIREMENTS)
        )
        self._written: dict[str, str] = {}
        self._module = ""

    def save(self, change: Change, number: int) -> str:
        """Saves what the change is about; the text that the application answers with once it serves."""
        text = f"{self._run} {number:03d}"
        main = with_greeting(self._main, text)
        match change:
            case Change.MODULE:
                self._exchange_module(number)
            case Change.REQUIREMENTS:
                self._requirements += f"# {number}\n"
            case Change.DOCKERFILE:
                env = f"ENV SOAK={number}\n"
                self._dockerfile = self._dockerfile.replace(_COPY_APP, f"{env}{_COPY_APP}")
            case Change.SYNTAX:
                main += "def broken(:\n"
            case _:
                pass
        fails = "RUN exit 7\n" if change is Change.FAILING else ""
        self._write(_DOCKERFILE, self._dockerfile + fails)
        self._write(_REQUIREMENTS, self._requirements)
        self._write(_MAIN, main)
        return text

    def _exchange_module(self, number: int) -> None:
        former, self._module = self._module, f"app/module_{number}.py"
        self._write(self._module, f"NUMBER = {number}\n")
        if former:
            (self._app.folder / former).unlink()

    def _write(self, path: str, text: str) -> None:
        if self._written.get(path) != text:
            self._written[path] = text
            self._app.save(path, text)
