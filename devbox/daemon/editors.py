"""Telling an editor about a project, as its Dockerfile and settings have it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devbox.build.origin import Origins
from devbox.config import Config
from devbox.daemon.source import read_source
from devbox.daemon.template import Template, unwritten_rules
from devbox.errors import DockerfileError
from devbox.vscode.write import Written, workspace_of, write_entries
from devbox.watch import Watcher


@dataclass(frozen=True, slots=True)
class Told:
    """The files that were looked after, and what people should know."""

    files: tuple[Written, ...]
    notices: tuple[str, ...]


async def for_vscode(
    config: Config, workspace: Path | None, *, run_on_open: bool, services: Sequence[str] = ()
) -> Told:
    """Puts devbox's entries into tasks.json and launch.json of `workspace`, or of the folder that is likely
    to be opened, those for `services` that run at once into the first alone; raises UsageError as
    write_entries does, and ContextError.

    Without a Dockerfile that can be read the debugger is told that its files lie where it runs.
    """
    notices: list[str] = []
    rules = unwritten_rules(config)
    async with Watcher(config.context, dockerfile=config.dockerfile, unwritten=rules) as watcher:
        roots: tuple[tuple[str, str], ...] = ()
        try:
            source = await read_source(config, watcher, Template())
            origins = Origins(source.dockerfile, config.build_args, config.target, source.snapshot.entries)
            roots = origins.roots()
        except DockerfileError as error:
            notices.append(f"{error}: run this again once it can be read, for the debugger's paths")
        folder = workspace or workspace_of(config.root)
        files = await asyncio.to_thread(
            write_entries, config, folder, roots, run_on_open=run_on_open, services=services
        )
        entries = (await watcher.scan()).entries
    if any(
        file.path.is_relative_to(config.context)
        and file.path.relative_to(config.context).as_posix() in entries
        for file in files
    ):
        notices.append(".vscode is part of the build context: a line in .dockerignore spares builds")
    if services:
        notices.append(f"a debugger is for one service: devbox init --vscode .:{services[0]}")
    return Told(files, tuple(notices))
