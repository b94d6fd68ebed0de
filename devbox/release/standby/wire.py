"""What devbox and the hook inside a standby say to each other; pure.

To the hook, on its standard input: a line of JSON with its orders, later one that says go, followed by the
contents of the staged files. From the hook, on its standard output: one line, MARKER and JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devbox.model import Kind, StagedFile

MARKER = "devbox-standby: "
DIRECTORY = "/.devbox-standby"
RECORDED = "/dev/shm/devbox-modules"

Owners = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Orders:
    """What the hook is to do before it waits: load `modules`, and look up `owners` as --chown has them."""

    modules: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The hook waits: `modules` counts what the interpreter has loaded, `removed` that the hook's files are
    gone, `uid` is the user it runs as, `seconds` how long loading took, `failed` why a module could not be
    loaded."""

    seconds: float
    modules: int
    owners: Owners
    uid: int
    removed: bool
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotReady:
    """The hook gave up, because of `offender` where that module is at fault."""

    reason: str
    offender: str = ""


def environment(application: Mapping[str, str]) -> dict[str, str]:
    """The application's environment with the hook before everything else on its module path."""
    clean = without_hook(application)
    path = clean.get("PYTHONPATH")
    # An empty one is there as well, and comes back.
    return {**clean, "PYTHONPATH": DIRECTORY if path is None else f"{DIRECTORY}:{path}"}


def without_hook(environment: Mapping[str, str]) -> dict[str, str]:
    """The application's environment, also where it is read from one that stood by."""
    own, more, rest = environment.get("PYTHONPATH", "").partition(":")
    if own != DIRECTORY:
        return dict(environment)
    others = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    return {**others, "PYTHONPATH": rest} if more else others


def orders(wanted: Orders) -> bytes:
    """The first line."""
    return _line({"modules": list(wanted.modules), "owners": list(wanted.owners)})


def go(files: Sequence[StagedFile], owners: Owners) -> bytes:
    """The last line and what follows it; `owners` are the hook's own answer."""
    contents = [file.content for file in files if file.path.kind is Kind.FILE]
    return _line({"go": [_path(file, owners) for file in files]}) + b"".join(contents)


def read(line: str) -> Ready | NotReady | None:
    """What the hook says; None for a line of somebody else."""
    if not line.startswith(MARKER):
        return None
    try:
        said = json.loads(line[len(MARKER) :])
        if "ready" not in said:
            return NotReady(str(said["refused"]), str(said.get("offender", "")))
        ready = said["ready"]
        owners = {name: (int(ids[0]), int(ids[1])) for name, ids in ready["owners"].items()}
        return Ready(
            float(ready["seconds"]),
            int(ready["modules"]),
            owners,
            int(ready["uid"]),
            bool(ready["removed"]),
            dict(ready.get("failed", {})),
        )
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _path(file: StagedFile, owners: Owners) -> dict[str, object]:
    path = file.path
    uid, gid = owners.get(path.owner, (0, 0))
    return {
        "target": path.target,
        "kind": path.kind,
        "mode": path.mode,
        "uid": uid,
        "gid": gid,
        "stamp": file.stamp,
        "size": len(file.content) if path.kind is Kind.FILE else 0,
        "link": file.content.decode("utf-8", "surrogateescape") if path.kind is Kind.SYMLINK else "",
    }


def _line(value: object) -> bytes:
    # ASCII with escapes: names need not be text.
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
