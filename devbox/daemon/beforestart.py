"""Which commands are to be run before a revision starts, and how that is kept in mind. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devbox.model import BeforeStart, Snapshot
from devbox.watch.patterns import Pattern


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a revision; `due` where it has to be run. `key` and `digest` tell command and files of
    one that has a `when`, and are '' for another."""

    command: BeforeStart
    due: bool = True
    key: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """The commands before the start of one revision, and the `record` of those that have succeeded by then,
    as the label of its container has it."""

    all: tuple[Step, ...] = ()
    record: str = ""

    @property
    def due(self) -> bool:
        """Whether any command has to be run."""
        return any(step.due for step in self.all)


def plan_steps(commands: Iterable[BeforeStart], snapshot: Snapshot, succeeded: Mapping[str, str]) -> Steps:
    """What to run before a revision of `snapshot` starts; `succeeded` maps keys to the digests for which they
    last did."""
    steps = []
    for command in commands:
        if not command.when:
            steps.append(Step(command))
            continue
        told = json.dumps([command.command, command.when])
        key = hashlib.sha256(told.encode()).hexdigest()[:12]
        digest = _digest(command.when, snapshot)
        steps.append(Step(command, succeeded.get(key) != digest, key, digest))
    return Steps(tuple(steps), written({step.key: step.digest for step in steps if step.key}))


def written(succeeded: Mapping[str, str]) -> str:
    """What has succeeded, as the text of a label."""
    return " ".join(f"{key}={digest}" for key, digest in succeeded.items())


def read(record: str) -> dict[str, str]:
    """What `written` wrote; of anything else nothing."""
    pairs = (word.partition("=") for word in record.split())
    return {key: digest for key, equals, digest in pairs if equals}


def _digest(when: Iterable[str], snapshot: Snapshot) -> str:
    patterns = tuple(Pattern(text) for text in when)
    whole = hashlib.sha256()
    for path, entry in snapshot.entries.items():
        if any(_matches(pattern, path) for pattern in patterns):
            told = json.dumps([path, entry.kind, entry.mode, entry.digest])
            whole.update(told.encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:16]


def _matches(pattern: Pattern, path: str) -> bool:
    """Whether the pattern names the path, or a folder that it lies in."""
    parts = path.split("/")
    return any(pattern.matches("/".join(parts[:count])) for count in range(1, len(parts) + 1))
