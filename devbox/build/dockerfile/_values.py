"""What a Dockerfile says, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document of RUN, COPY or ADD; `content` is kept as written, with its line ends.

    `expand` is false where the word after `<<` was quoted; `chomp` is true for `<<-`.
    """

    name: str
    content: str
    expand: bool = True
    chomp: bool = False
    file_descriptor: int = 0


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; `line` and `end_line` count from 1 and include here-documents.

    `keyword` is upper-case. `text` is what people are shown: one line, continuations joined, runs of
    white space as one space, no here-document bodies. `arguments` holds the words of FROM, COPY, ADD, EXPOSE,
    VOLUME and ARG, name and value in turn of ENV and LABEL, the elements of the exec form (`json`), and else
    the rest of the line as one string; of HEALTHCHECK the type comes first, of ONBUILD the inner keyword.
    `flags` are (name without dashes, value or None) in order. `stage` is the index of the stage, -1 before
    the first FROM. `trigger` is the instruction that ONBUILD holds.
    """

    keyword: str
    text: str
    arguments: tuple[str, ...]
    flags: tuple[tuple[str, str | None], ...] = ()
    json: bool = False
    line: int = 0
    end_line: int = 0
    heredocs: tuple[Heredoc, ...] = ()
    stage: int = -1
    trigger: Instruction | None = None

    def flag(self, name: str) -> str:
        """The last value given to a flag, '' where it is absent."""
        return next((value or "" for flag, value in reversed(self.flags) if flag == name), "")

    def flag_values(self, name: str) -> tuple[str, ...]:
        """Every value given to a flag that may be repeated."""
        return tuple(value or "" for flag, value in self.flags if flag == name)

    def has_flag(self, name: str) -> bool:
        """Whether a boolean flag is on."""
        return any(flag == name and (value or "true").lower() == "true" for flag, value in self.flags)

    @property
    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """The (name, value) pairs of ENV, LABEL and ARG; None where ARG gives no default."""
        if self.keyword == "ARG":
            split = (word.partition("=") for word in self.arguments)
            return tuple((name, value if equals else None) for name, equals, value in split)
        if self.keyword in {"ENV", "LABEL"}:
            return tuple(zip(self.arguments[::2], self.arguments[1::2], strict=True))
        return ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One build stage; `instructions` begins with its FROM.

    `name` is lower-case, '' for a stage without a name; `base` and `platform` are as written.
    """

    index: int
    name: str
    base: str
    platform: str
    instructions: tuple[Instruction, ...]
    line: int

    @property
    def label(self) -> str:
        """The stage as people are told about it."""
        return self.name or f"stage {self.index}"


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A parsed Dockerfile; `global_args` are the ARG instructions before the first FROM, `escape` is one
    character, `path` is what errors call the file."""

    stages: tuple[Stage, ...]
    global_args: tuple[Instruction, ...]
    directives: Mapping[str, str] = field(hash=False)
    escape: str
    instructions: tuple[Instruction, ...]
    path: str = "Dockerfile"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What HEALTHCHECK asks for: argv, a shell command, or None for NONE; times in seconds, None if unset."""

    command: tuple[str, ...] | str | None
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True)
class RuntimeHints:
    """How the image asks to be run, as far as the Dockerfile tells: base images may say more.

    `cmd` and `entrypoint` are argv, a shell command, or None where nothing is said; `workdir` and `user` are
    '' where nothing is said. A relative WORKDIR on an unknown base counts from '/'.
    """

    ports: tuple[tuple[int, str], ...] = ()
    volumes: tuple[str, ...] = ()
    cmd: tuple[str, ...] | str | None = None
    entrypoint: tuple[str, ...] | str | None = None
    healthcheck: HealthCheck | None = None
    workdir: str = ""
    user: str = ""
