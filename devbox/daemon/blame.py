"""Where in the project a failure comes from: file, line, column. Pure but for the reading it is given."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from devbox.build.blame import Line, refused_line
from devbox.build.dockerfile import BuildStep
from devbox.build.origin import Origins
from devbox.build.requirements import complaints
from devbox.config import Config
from devbox.daemon.places import Places, Read, one_line, posix
from devbox.daemon.settingplace import refused_setting, settings_file
from devbox.endings import OUT_OF_MEMORY
from devbox.errors import (
    BeforeStartFailed,
    BuildFailed,
    ConfigError,
    ContextError,
    DevboxError,
    DockerfileError,
    PortTaken,
    PullFailed,
    StartFailed,
)
from devbox.events import Problem
from devbox.release.traceback import culprits, last_message

_MOST = 10
_NO_MODULE = re.compile(r"Could not import module \"(?P<module>[\w.]+)\"")
_NO_ATTRIBUTE = re.compile(
    r"Attribute \"(?P<name>\w+)\" not found in module \"(?P<module>[\w.]+)\""
    r"|Failed to find attribute '(?P<gname>\w+)' in '(?P<gmodule>[\w.]+)'"
)
_LEVEL = re.compile(r"^(?:ERROR|CRITICAL|Error):\s+")
_CANNOT_PULL = re.compile(r"cannot pull (\S+)")
_NOT_SAID = re.compile(r"Application startup failed|Shutting down|Reason: Worker failed", re.IGNORECASE)


def problems(error: DevboxError, places: Places) -> tuple[Problem, ...]:
    """Where what failed in a round comes from, at most ten places; none for what the engine did."""
    match error:
        case DockerfileError() | ConfigError() | ContextError():
            return at_start(error, places.source.config, places.read)
        case PullFailed():
            named = _CANNOT_PULL.search(error.what)
            line = places.blame.base(named[1] if named else error.what)
            return (places.dockerfile(line, str(error)),)
        case BuildFailed():
            return _of_build(error, places)[:_MOST]
        case BeforeStartFailed():
            return _of_command(error, places)[:_MOST]
        case StartFailed():
            return _of_start(error, places)[:_MOST]
        case PortTaken():
            return (_of_port(error, places),)
    return ()


def at_start(error: DevboxError, config: Config | None, read: Read) -> tuple[Problem, ...]:
    """Where what refused a project before anything was built comes from."""
    if isinstance(error, DockerfileError) and error.path:
        what = error.what.removeprefix(f"{error.path}:{error.line}: ")
        return (Problem(file=posix(error.path), line=error.line or 1, message=_hinted(what, error)),)
    if isinstance(error, ContextError) and error.path and config is not None:
        path = posix(os.path.relpath(config.context / error.path, config.root))
        return (Problem(file=path, line=1, message=_hinted(error.what, error)),)
    if isinstance(error, ConfigError):
        told = str(error)
        file = settings_file(told) or _written_in(config)
        text = read(file) if file else None
        if text is not None:
            line, column = refused_setting(told, text, file)
            what = _hinted(error.what.removeprefix(f"{file}: "), error)
            return (Problem(file=file, line=line, column=column, message=what),)
    return ()


def of_log(log: Iterable[str], places: Places, *, every: bool = False) -> tuple[Problem, ...]:
    """Where the last exceptions of an application's log come from, or every one: the innermost lines of the
    project's own."""
    found = culprits(log, places.of_container, every=every)
    return tuple(dict.fromkeys(places.hit(each) for each in found))[:_MOST]


def of_exit(what: str, log: tuple[str, ...], places: Places) -> tuple[Problem, ...]:
    """Where the end of an application comes from: its last exception, else what it said of its start, else
    the command that ran."""
    if OUT_OF_MEMORY in what:
        return (places.setting("memory", what) or places.dockerfile(places.blame.command(), what),)
    found = of_log(log, places) or _of_server(log, places)
    if found:
        return found
    said = last_message(log) or next((line.strip() for line in reversed(log) if _tells(line)), "")
    message = f"{what}: {_LEVEL.sub('', said)}" if said else what
    return (places.dockerfile(places.blame.command(), message),)


def _of_build(error: BuildFailed, places: Places) -> tuple[Problem, ...]:
    refused = refused_line(f"{error.what}\n{error.cause}")
    if refused is not None:
        return (places.dockerfile(*refused),)
    step = places.blame.step(error.step)
    if step is None:
        return (places.dockerfile(Line(1), str(error)),)
    if step.instruction.keyword == "RUN":
        inside = _StepFiles(places, step)
        found = inside.complaints(error.log) or inside.exceptions(error.log)
        if found:
            return found
    said = next((line.strip() for line in reversed(error.log) if line.strip()), "")
    ended = "" if error.exit_status is None else f"exit status {error.exit_status}"
    message = error.cause or ": ".join(filter(None, (ended, said))) or error.what
    return (places.dockerfile(places.blame.failed(step, error.cause), message),)


@dataclass(frozen=True, slots=True)
class _StepFiles:
    """The files that one RUN sees, traced back to the project."""

    places: Places
    step: BuildStep

    def complaints(self, log: Iterable[str]) -> tuple[Problem, ...]:
        """What an installer says about the files it was given."""
        command = " ".join((*self.step.instruction.arguments, *self._scripts()))
        found = []
        for one in complaints(command, log, self._read):
            file = self.place(one.file)
            if file is not None:
                found.append(
                    Problem(file=file, line=one.line, column=one.column, message=one_line(one.message))
                )
        return tuple(found)

    def exceptions(self, log: Iterable[str]) -> tuple[Problem, ...]:
        """Exceptions of the project's own programs."""
        return tuple(self.places.hit(hit) for hit in culprits(log, self.place))

    def place(self, path: str) -> str | None:
        """The project's file of a path as the step names it."""
        if path.startswith("<"):
            return None
        config = self.places.source.config
        here = Origins(
            self.places.source.dockerfile,
            config.build_args,
            str(self.step.stage),
            self.places.source.snapshot.entries,
        )
        found = here.path_of(posixpath.normpath(posixpath.join("/", self.step.scope.workdir, path)))
        if found is None:
            # Mounted from the build context.
            name = posixpath.basename(path)
            sources = (source.pattern for source in self.step.sources)
            found = next((each for each in sources if each and posixpath.basename(each) == name), None)
        return None if found is None else self.places.of_context(found)

    def _read(self, path: str) -> str | None:
        place = self.place(path)
        return None if place is None else self.places.read(place)

    def _scripts(self) -> tuple[str, ...]:
        return tuple(heredoc.content.replace("\n", " ; ") for heredoc in self.step.instruction.heredocs)


def _of_command(error: BeforeStartFailed, places: Places) -> tuple[Problem, ...]:
    """Of a command before a start: its last exception, else the setting that names it."""
    message = str(error)
    written = places.setting("before_start", message) or places.dockerfile(Line(1), message)
    return of_log(error.log, places) or (written,)


def _of_start(error: StartFailed, places: Places) -> tuple[Problem, ...]:
    cause = error.cause
    if error.exit_status is None and cause:
        if "GET " in cause:
            message = f"{error.what}: {cause}"
            found = of_log(error.log, places)
            return found or (
                places.setting("health_path", message) or places.dockerfile(places.blame.health(), message),
            )
        if cause.startswith("HEALTHCHECK"):
            return (places.dockerfile(places.blame.health(), f"{error.what}: {cause}"),)
        if "the application listens on port" in cause:
            setting = places.setting("ports", cause)
            return (setting or places.dockerfile(places.blame.exposed(), cause),)
        if "the application listens on" in cause or not error.log:
            return (places.dockerfile(places.blame.command(), f"{error.what}: {cause}"),)
        found = of_log(error.log, places)
        return found or (places.dockerfile(places.blame.command(), f"{error.what}: {cause}"),)
    what = f"{error.what}: {cause}" if cause else error.what
    if cause and error.exit_status is not None:
        return (places.dockerfile(places.blame.command(), what),)
    return of_exit(what, error.log, places)


def _of_server(log: Iterable[str], places: Places) -> tuple[Problem, ...]:
    """What a server says of an application that it could not find."""
    for line in log:
        if match := _NO_ATTRIBUTE.search(line):
            module = match["module"] or match["gmodule"]
            for name in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
                file = places.of_container(name)
                if file is not None:
                    return (Problem(file=file, line=1, message=one_line(_LEVEL.sub("", match[0]))),)
            return (places.dockerfile(places.blame.command(), match[0]),)
        if match := _NO_MODULE.search(line):
            return (places.dockerfile(places.blame.command(), match[0]),)
    return ()


def _of_port(error: PortTaken, places: Places) -> Problem:
    message = str(error)
    written = places.setting("ports", message)
    return written or places.dockerfile(places.blame.exposed(), message)


def _written_in(config: Config | None) -> str:
    """The settings file of a Config."""
    files = (settings_file(source) for source in config.sources.values()) if config is not None else ()
    return next((file for file in files if file), "")


def _tells(line: str) -> bool:
    """Whether a line is worth repeating."""
    return bool(line.strip()) and not _NOT_SAID.search(line) and any(letter.isalnum() for letter in line)


def _hinted(what: str, error: DevboxError) -> str:
    told = f"{what}: {error.cause}" if error.cause else what
    return one_line(f"{told} ({error.hint})" if error.hint else told)
