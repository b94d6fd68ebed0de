"""Docker Compose as a program: the only place that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devbox.errors import ConfigError, ServicesFailed

_RESOLVES_WITHIN = 30.0
_ENDS_WITHIN = 10.0
_LONGEST_LINE = 1 << 20
_WARNING = re.compile(r'level=warning msg="((?:[^"\\]|\\.)*)"')
_STAMP = re.compile(r"^time=\S+ level=\w+ msg=")
_PLUGIN = ("docker", "compose")
_STANDALONE = ("docker-compose",)
_NO_PLUGIN = (
    "unknown command: docker compose",
    "'compose' is not a docker command",
    "unknown shorthand flag",
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What Compose makes of the files, and the `command` that it was asked with, up to its own verbs; the env
    files of each service; `warnings` are its own words."""

    command: tuple[str, ...]
    project: Mapping[str, Any]
    env_files: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]


def resolve(root: Path, options: Sequence[str], environ: Mapping[str, str], file: str) -> Resolved:
    """The compose project in `root` as Compose itself resolves it; raises ConfigError with Compose's words
    where it cannot be, or where Compose is not there."""
    for command in (_PLUGIN, _STANDALONE):
        if shutil.which(command[0], path=environ.get("PATH")) is None:
            continue
        asked = [*command, *options, "config", "--format", "json"]
        # Compose tells the variables of env files, or where they come from, never both.
        first, second = _run_both(asked, [*asked, "--no-env-resolution"], root, environ)
        if first.returncode == 0 and second.returncode == 0:
            return Resolved(
                (*command, *options),
                _unescaped(json.loads(first.stdout)),
                _env_files(json.loads(second.stdout)),
                tuple(text.replace('\\"', '"') for text in dict.fromkeys(_WARNING.findall(first.stderr))),
            )
        if not any(words in first.stderr for words in _NO_PLUGIN):
            raise ConfigError(f"{file} cannot be used", cause=_last_words(first.stderr))
    raise ConfigError(
        f"{file} needs Docker Compose, and 'docker compose' is not there",
        hint="install the Compose plugin of Docker, or set compose = false",
    )


def _run_both(
    first: Sequence[str], second: Sequence[str], root: Path, environ: Mapping[str, str]
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    with contextlib.ExitStack() as ends:
        running = [
            ends.enter_context(
                subprocess.Popen(
                    command,
                    cwd=root,
                    env=dict(environ),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                )
            )
            for command in (first, second)
        ]
        for process in running:
            ends.callback(process.kill)
        done = []
        for process in running:
            try:
                out, err = process.communicate(timeout=_RESOLVES_WITHIN)
            except subprocess.TimeoutExpired as error:
                raise ConfigError(
                    "docker compose config did not answer", cause=f"waited {_RESOLVES_WITHIN:.0f} s"
                ) from error
            done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done[0], done[1]


def _env_files(project: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(str(item["path"]) if isinstance(item, dict) else str(item) for item in files)
        for name, service in (project.get("services") or {}).items()
        if (files := service.get("env_file"))
    }


def _unescaped(value: Any) -> Any:
    """A value as it is meant: what Compose prints can be read by it again, with each dollar sign doubled."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: _unescaped(item) for key, item in value.items()}
    return [_unescaped(item) for item in value] if isinstance(value, list) else value


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _WARNING.search(line)]
    return _STAMP.sub("", lines[-1]).strip('"') if lines else "it said nothing"


class Program:
    """Runs Compose for one project in `root`; `command` is how that is called, up to its own verbs."""

    def __init__(self, root: Path, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._root, self._command, self._environ = root, command, environ

    async def run(
        self, arguments: Sequence[str], within: float, told: Callable[[str], None] | None = None
    ) -> tuple[int, tuple[str, ...]]:
        """The exit status of one command of Compose and the lines it wrote, each `told` as it comes.

        Raises ServicesFailed where it is not there or takes more than `within` seconds; it is ended then, as
        it is where the caller is cancelled.
        """
        lines: list[str] = []
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                cwd=self._root,
                env=dict(self._environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LONGEST_LINE,
                # A Ctrl-C is for devbox, which ends it.
                start_new_session=True,
            )
        except OSError as error:
            raise ServicesFailed(
                "docker compose cannot be run", cause=error.strerror or str(error)
            ) from error
        try:
            async with asyncio.timeout(within):
                if process.stdout is not None:
                    async for line in process.stdout:
                        lines.append(line.decode(errors="replace").rstrip())
                        if told is not None:
                            told(lines[-1])
                return await process.wait(), tuple(lines)
        except TimeoutError as error:
            raise ServicesFailed(
                f"docker compose {arguments[0]} did not come to its end",
                cause=f"waited {within:.0f} s; last it said: {lines[-1] if lines else 'nothing'}",
            ) from error
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a process that still runs: asked to first, so that it can leave things in order."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _ENDS_WITHIN)
        except TimeoutError:
            process.kill()
            await process.wait()
