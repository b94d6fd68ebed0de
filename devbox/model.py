"""The nouns that every room shares: frozen values, no behaviour beyond looking at themselves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_NANOSECONDS = 1_000_000_000
SHELL_FORM = ("/bin/sh", "-c")

LABEL_PROJECT = "dev.devbox.project"
LABEL_REVISION = "dev.devbox.revision"
LABEL_CONFIG_HASH = "dev.devbox.config-hash"
LABEL_CONTEXT_DIGEST = "dev.devbox.context-digest"
LABEL_ROLE = "dev.devbox.role"
LABEL_BASES = "dev.devbox.bases"
LABEL_ROOT = "dev.devbox.root"
LABEL_USER = "dev.devbox.user"
LABEL_BEFORE_START = "dev.devbox.before-start"
LABELS_OF_OURS = "dev.devbox."


class Kind(StrEnum):
    """What an entry of the build context is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of the context: `digest` of content or link target (hex, empty for directories), `mode`
    as permission bits, `size` in bytes; `mtime` is when a file was last seen to become so, in whole seconds,
    and makes no difference."""

    kind: Kind
    mode: int
    digest: str = ""
    size: int = 0
    mtime: int = field(default=0, compare=False)

    @property
    def stamp(self) -> int:
        """When a file says that it was modified, in nanoseconds since 1970. The fraction comes from its
        content: whoever goes by size and time (BuildKit, an ETag) takes no two contents for the same."""
        return max(0, self.mtime) * _NANOSECONDS + int(self.digest[:15] or "0", 16) % _NANOSECONDS


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the builder would be sent: path relative to the context ('/' between parts, sorted) ->
    Entry, and one `digest` over all of it; equal digests mean an equal build context.

    `skipped` names what was left out with its reason (sockets); `notices` are sentences for the user
    (a secret in the context). Undecodable names are kept with surrogateescape.
    """

    entries: Mapping[str, Entry]
    digest: str
    skipped: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all file contents."""
        return sum(entry.size for entry in self.entries.values())


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What differs between two snapshots; times are seconds on the monotonic clock."""

    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    first_seen: float = 0.0
    last_seen: float = 0.0

    @property
    def paths(self) -> tuple[str, ...]:
        """Every changed path, modified first, then added, then removed."""
        return (*self.modified, *self.added, *self.removed)

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.removed)


@dataclass(frozen=True, slots=True)
class Plan:
    """Why a build starts and what it is expected to run.

    `cause` is in the user's words ("app/main.py", "first build", "requirements.txt and 2 more").
    `reasons` maps the text of an instruction expected to run again to why ("requirements.txt changed").
    """

    cause: str
    reasons: Mapping[str, str] = field(default_factory=dict)


class StepState(StrEnum):
    """Where a step of a build stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a build as the builder reported it.

    `index` counts from 1 within `total`; `stage` is the stage's name ('' for the only stage);
    `instruction` is its text as in the Dockerfile ("RUN pip install …"); `seconds` its duration so far;
    `reason` says why it was not cached ('' where cached or unknown).
    """

    index: int
    total: int
    instruction: str
    state: StepState
    stage: str = ""
    seconds: float = 0.0
    reason: str = ""
    error: str = ""

    @property
    def cached(self) -> bool:
        return self.state is StepState.CACHED


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: engine id ("sha256:…"), the steps that made it, seconds the build took."""

    id: str
    steps: tuple[Step, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Revision:
    """One numbered image of the project together with what it was made from; numbers only grow."""

    number: int
    image: str
    context_digest: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class StagedPath:
    """One path of a container that is to become what the new image will hold there.

    `target` is absolute within the container. `kind` None removes what is there, folders whole. `source` is
    the path in the build context that the content (or link target) comes from, `mode` permission bits,
    `owner` as --chown has it ("app:app", "1000"), '' for root.
    """

    target: str
    kind: Kind | None
    source: str = ""
    mode: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Staging:
    """What turns a container of the former image into one of the new image, in the order to apply it."""

    paths: tuple[StagedPath, ...] = ()


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A staged path with what it will hold: a file's bytes or a link's target; `stamp` in nanoseconds."""

    path: StagedPath
    content: bytes = b""
    stamp: int = 0


@dataclass(frozen=True, slots=True)
class Cold:
    """Why a revision cannot go live in a standby, in words that end "rolling: …"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time between save and served went, in seconds; `total` is from the first write seen to
    the first answer of the new code."""

    detect: float = 0.0
    context: float = 0.0
    build: float = 0.0
    stage: float = 0.0
    boot: float = 0.0
    flip: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Release:
    """A revision that serves, how it got there, and how long each part took."""

    revision: Revision
    strategy: str
    timings: Timings
    container: str


@dataclass(frozen=True, slots=True)
class Backend:
    """An address at which one container's port answers."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A published port: `host_port` 0 means any free one; `container_port` 0 means the application's own."""

    host_ip: str = "127.0.0.1"
    host_port: int = 0
    container_port: int = 0
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    """A network that a container is in, and the names by which others there find it besides its own."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When the engine starts an ended container again: `name` is the engine's own word, `retries` how often
    "on-failure" tries, 0 for as often as it takes."""

    name: str = "no"
    retries: int = 0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A health check over the image's own, whose parts stay where one here is empty or 0: `test` as the
    engine writes it ("CMD-SHELL" or "CMD" first, "NONE" alone for none at all), times in seconds. Engines
    before 25.0 know no `start_interval`."""

    test: tuple[str, ...] = ()
    interval: float = 0.0
    timeout: float = 0.0
    start_period: float = 0.0
    retries: int = 0
    start_interval: float = 0.0


@dataclass(frozen=True, slots=True)
class BeforeStart:
    """A command that must succeed in a container of the new image before a revision starts: each time, or
    only when a file of the build context that `when` matches has changed."""

    command: tuple[str, ...]
    when: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The command as people write it."""
        return self.command[2] if self.command[:2] == SHELL_FORM else shlex.join(self.command)


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """Something mounted into the container at `target`: `kind` is "bind", "volume" or "anonymous";
    `source` is an absolute host path, a volume name, or '' (anonymous)."""

    kind: str
    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where the value of a build secret comes from, never the value: a `file`, as written (relative to the
    project's folder), or an environment `variable` of devbox."""

    id: str
    file: str = ""
    variable: str = ""
