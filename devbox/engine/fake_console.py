"""A command that runs inside a container of the fake engine, and has said everything already."""

from __future__ import annotations

from typing import Literal

from devbox.engine.connections import Terminal
from devbox.engine.values import ExecResult


class FakeConsole:
    """Gives the result's output once, then its end; `sent` is what came in, `sizes` what it was told."""

    def __init__(self, result: ExecResult) -> None:
        self._result = result
        self._told = False
        self.sent: list[bytes] = []
        self.sizes: list[Terminal] = []

    async def send(self, data: bytes) -> None:
        """Keeps it."""
        self.sent.append(data)

    async def part(self) -> tuple[Literal["stdout", "stderr"], bytes] | None:
        """The output, then None."""
        if self._told or not self._result.output:
            return None
        self._told = True
        return "stdout", self._result.output.encode()

    async def resize(self, terminal: Terminal) -> None:
        """Keeps it."""
        self.sizes.append(terminal)

    async def status(self) -> int:
        """The result's exit status."""
        return self._result.exit_status

    async def close(self) -> None:
        """Nothing is held."""
