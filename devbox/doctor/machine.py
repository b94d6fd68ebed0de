"""What is to be said of this machine: its disks, its limits, its ports. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from devbox.doctor.facts import Occupants, Port, Room, Watching
from devbox.doctor.finding import Finding, State, failure, ok, warning
from devbox.doctor.words import number, size
from devbox.model import PortMapping

DISK, INOTIFY, PORTS, PROJECT = "disk", "inotify", "ports", "project"

_FULL = 500_000_000
_NARROW = 5_000_000_000
_FILES_FULL = 1_000
_FILES_NARROW = 20_000
_WATCHES, _INSTANCES = "max_user_watches", "max_user_instances"
_ADVISED = 524_288
_SEVERITY = (State.OK, State.WARNING, State.FAILURE)


def disks(rooms: Sequence[Room], untold: str = "") -> Finding:
    """What is left where; `untold` names an engine that does not tell."""
    told = [f"{size(room.free)} of {size(room.total)} left for {room.what} ({room.path})" for room in rooms]
    if untold:
        told.append(f"{untold} does not tell what it has left")
    scarce = max(rooms, key=lambda room: _SEVERITY.index(_state_of(room)), default=None)
    state = _state_of(scarce) if scarce else State.OK
    if scarce is None or state is State.OK:
        return ok(DISK, "; ".join(told))
    if scarce.free >= _NARROW:
        told.append(f"room for {number(scarce.free_files or 0, 'more file')}")
    if "images" in scarce.what:
        step = "docker system df shows what takes it; docker builder prune and docker image prune make room"
    else:
        step = f"make room: du -xh --max-depth=2 {scarce.path} | sort -h | tail shows what takes it"
    return Finding(DISK, state, "; ".join(told), step)


def _state_of(room: Room) -> State:
    files = room.free_files
    if room.free < _FULL or (files is not None and files < _FILES_FULL):
        return State.FAILURE
    if room.free < _NARROW or (files is not None and files < _FILES_NARROW):
        return State.WARNING
    return State.OK


def watching(found: Watching) -> Finding:
    """Whether saves are noticed at once, against the system's limits."""
    if found.polls.endswith("asks for it"):
        return ok(INOTIFY, f"not used: {found.polls}")
    if found.polls:
        return warning(
            INOTIFY,
            f"saves are seen late: {found.polls}",
            "move the project to a local disk (in WSL: below /home, not /mnt/c)",
        )
    if found.refusal:
        return warning(INOTIFY, f"saves are seen late: {found.refusal}", found.advice)
    if not found.limits:
        return ok(INOTIFY, "this system watches without such limits")
    watches, instances = found.limits.get(_WATCHES, 0), found.limits.get(_INSTANCES, 0)
    folders = number(found.folders, "folder")
    if 2 * found.folders > watches:
        return warning(
            INOTIFY,
            f"this tree's {folders} take more than half of the {watches:,} watches that all programs share",
            f"sudo sysctl fs.inotify.{_WATCHES}={max(4 * found.folders, _ADVISED)}"
            " (for good: that line in /etc/sysctl.d/60-inotify.conf)",
        )
    return ok(INOTIFY, f"{watches:,} watches and {instances:,} instances, and this tree has {folders}")


def port(found: Port) -> Finding:
    """Whether a port can be published."""
    mapping = found.mapping
    where = f"{mapping.host_ip}:{mapping.host_port}"
    if found.own:
        return ok(PORTS, f"{where} is held by this project's own devbox")
    if found.taken is not None:
        return failure(PORTS, f"{where} is taken: {found.taken.cause}", found.taken.hint)
    if found.refused:
        return failure(PORTS, f"{where} cannot be opened: {found.refused}", _another(mapping))
    if not mapping.host_port:
        return ok(PORTS, f"any free one for port {mapping.container_port}")
    return ok(PORTS, f"{where} is free")


def _another(mapping: PortMapping) -> str:
    if mapping.host_port < 1024:
        return f"publish on a higher one: -p {mapping.host_port + 8000}:{mapping.container_port}"
    return f"publish on an address of this machine: -p 127.0.0.1:{mapping.host_port}:{mapping.container_port}"


def occupants(project: str, found: Occupants) -> Finding:
    """Whether the project's name is its own, and who runs it."""
    if found.user:
        return failure(
            PROJECT,
            f"user {found.user} runs this project",
            f"work in a folder of your own, or run devbox down as {found.user}",
        )
    if found.foreign:
        return failure(
            PROJECT,
            f"the project name '{project}' is taken: {found.foreign} runs under it",
            f'set project = "another-name" in devbox.toml, or devbox down {found.foreign}',
        )
    if found.daemon:
        return ok(PROJECT, f"{project}: devbox runs it (process {found.daemon})")
    return ok(PROJECT, f"{project}: no devbox runs it")
