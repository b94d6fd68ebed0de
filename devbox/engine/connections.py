"""What is held open to the engine: somebody's end of streams that last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


class Attached(Protocol):
    """The client's end of a container's standard streams, attached before its start."""

    async def send(self, data: bytes) -> None:
        """Returns once the engine has taken the bytes for the container's standard input; raises
        EngineError where the container or the engine is gone. One that is cancelled ends the input."""
        ...

    async def line(self) -> str | None:
        """The next line that the container wrote to its standard output, None once it has ended; raises
        EngineUnreachable. Cancelling loses nothing."""
        ...

    async def close(self) -> None:
        """Leaves; the container's standard input ends. Closed already is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Terminal:
    """The size of somebody's terminal, in characters."""

    columns: int
    rows: int


class Console(Protocol):
    """A command that runs inside a container, with its standard streams."""

    async def send(self, data: bytes) -> None:
        """Hands bytes to its standard input; none end it."""
        ...

    async def part(self) -> tuple[Literal["stdout", "stderr"], bytes] | None:
        """Its next output, all of it "stdout" on a terminal, None once it has ended; raises
        EngineUnreachable."""
        ...

    async def resize(self, terminal: Terminal) -> None:
        """Tells it the terminal's size."""
        ...

    async def status(self) -> int:
        """Its exit status, once it has ended."""
        ...

    async def close(self) -> None:
        """Leaves; closed already is fine."""
        ...


class Connected(Protocol):
    """A connection on which the engine is the client."""

    async def ended(self) -> None:
        """Returns once the connection is lost, whoever ended it."""
        ...

    async def close(self) -> None:
        """Ends it; ended already is fine."""
        ...
