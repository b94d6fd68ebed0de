"""Events of the application."""

from __future__ import annotations

from typing import Literal

from devbox.events.parts import AnyEvent, Problem


class AppLog(AnyEvent):
    """One line that the application of a revision wrote."""

    kind: Literal["app.log"] = "app.log"
    revision: int
    stream: Literal["stdout", "stderr"]
    line: str


class AppRaised(AnyEvent):
    """The serving application logged exceptions and goes on; `problems` are where they come from."""

    kind: Literal["app.raised"] = "app.raised"
    revision: int
    problems: tuple[Problem, ...]


class AppOutOfMemory(AnyEvent):
    """A process of the serving container was killed for the container's memory, and the container runs on;
    `memory_limit` in bytes, 0 where it has none."""

    kind: Literal["app.out_of_memory"] = "app.out_of_memory"
    revision: int
    memory_limit: int = 0


class AppExited(AnyEvent):
    """The serving container ended by itself; `memory_limit` in bytes, 0 where it has none. With `restarting`
    Docker starts it again, as its restart policy says."""

    kind: Literal["app.exited"] = "app.exited"
    revision: int
    exit_status: int
    out_of_memory: bool = False
    memory_limit: int = 0
    restarting: bool = False
    log: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
