"""What `devbox init` writes into a project's folder, and whether it may."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from devbox.config import Config
from devbox.daemon.template import unwritten_rules
from devbox.errors import ContextError, UsageError
from devbox.generate import DOCKERIGNORE, Generated, Options, Reader, generate, with_rules
from devbox.generate.write import Change, compare, read_text, write
from devbox.settings import SETTINGS_FILE, read_settings_file
from devbox.watch import survey

_LOOK_SECONDS = 30.0

Tell = Callable[[str], None]
Ask = Callable[[Change], bool]


async def initialise(config: Config, options: Options, *, force: bool, ask: Ask | None, tell: Tell) -> None:
    """Writes Dockerfile, .dockerignore and settings, telling what was found and done.

    A file that is there and differs is replaced with `force`, or where `ask` says so; without either nothing
    is written at all and UsageError raised. Raises NotRecognised where there is nothing to write a Dockerfile
    for, ContextError.
    """
    generated = await _look(config, options)
    for found in generated.found:
        tell(found)
    changes = await asyncio.to_thread(lambda: compare(_files(config, generated)))
    in_the_way = [change.path.name for change in changes if change.replaces]
    if in_the_way and ask is None and not force:
        raise UsageError(
            f"{' and '.join(in_the_way)} would change",
            cause="there is one already, and nobody who could be asked",
            hint="on a terminal devbox init shows what differs and asks; --force replaces it",
        )
    for change in changes:
        name = change.path.name
        if not change.needed:
            tell(f"nothing to change in {name}")
        elif force or not change.replaces or (ask is not None and ask(change)):
            await asyncio.to_thread(write, change)
            tell(f"wrote {name}")
        else:
            tell(f"left {name} as it is")
    for notice in (*generated.notices, *_unpublished(config, options)):
        tell(f"notice: {notice}")


async def _look(config: Config, options: Options) -> Generated:
    stop = threading.Event()

    def look() -> Generated | None:
        found = survey(config.context, config.dockerfile, stop, unwritten_rules(config))
        if found is None:
            return None
        return generate(Reader().read(config.context, found.snapshot.entries), options)

    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            found = await asyncio.to_thread(look)
    except TimeoutError:
        found = None
    finally:
        stop.set()
    if found is None:
        raise ContextError(
            f"{config.context} could not be looked over within {_LOOK_SECONDS:g}s",
            hint="write a .dockerignore that leaves out what is not the application's",
        )
    return found


def _files(config: Config, generated: Generated) -> Mapping[Path, str]:
    """What each file is to hold, the Dockerfile last: a devbox that runs takes it as soon as it is there."""
    ignore = config.context / ".dockerignore"
    files = {ignore: with_rules(read_text(ignore) or "", DOCKERIGNORE)}
    path, settings = generated.basis.health_path, config.root / SETTINGS_FILE
    mine = f'# Must answer before a revision serves.\nhealth_path = "{path}"\n'
    if path and (settings.exists() or not read_settings_file(config.root)[0]):
        before = read_text(settings)
        files[settings] = mine if before is None else before
    return {**files, config.dockerfile: generated.dockerfile}


def _unpublished(config: Config, options: Options) -> tuple[str, ...]:
    published = [port.container_port for port in config.ports]
    if not published or options.port in published:
        return ()
    return (f"the setting ports publishes {', '.join(map(str, published))}, not {options.port}",)
