"""What advice is given about: a project's Dockerfile and its build context, as they are on disk."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterator, Mapping

from devbox.build.advice import Advice, Given, advise
from devbox.build.dockerfile import Dockerfile, runtime
from devbox.config import Config
from devbox.daemon.lookover import look_over, on_thread
from devbox.daemon.places import one_line, posix
from devbox.daemon.source import dockerfile_of, parsed
from devbox.daemon.template import Template, stands_in
from devbox.events import AdviceInfo
from devbox.generate.dependencies import PYPROJECT, lists_dependencies
from devbox.generate.read import read_source
from devbox.model import Entry, Kind
from devbox.release.ports import DEFAULT_PORT, port_in_command
from devbox.release.standby.servers import known_server
from devbox.report.explain import Suggested
from devbox.watch import has_rules

_READ_SECONDS = 5.0


async def advice_on_disk(config: Config) -> tuple[Advice, ...]:
    """What could be better in the Dockerfile as it is on disk; raises DockerfileError, ContextError, and
    TimeoutError where the disk does not answer."""
    entries = (await look_over(config)).snapshot.entries
    content, _ = await on_thread(lambda: dockerfile_of(config, entries, Template()), _READ_SECONDS)
    dockerfile = parsed(config, content)
    return await asyncio.to_thread(lambda: advise(given(config, dockerfile, content, entries)))


def given(config: Config, dockerfile: Dockerfile, content: bytes, entries: Mapping[str, Entry]) -> Given:
    """All that advice needs to know, the ignore file looked at; blocks for a moment. Raises ContextError,
    and DockerfileError as stage_closure does."""
    return Given(
        dockerfile=dockerfile,
        text=content.decode("utf-8-sig", errors="replace"),
        build_args=config.build_args,
        target=config.target,
        files=tuple(path for path, entry in entries.items() if entry.kind is not Kind.DIRECTORY),
        ignores=has_rules(config.context, config.dockerfile) or _stood_in_for(config),
        listing=frozenset(_listing(config, entries)),
        port=_port(config, dockerfile),
    )


def _listing(config: Config, entries: Mapping[str, Entry]) -> Iterator[str]:
    for path, entry in entries.items():
        named = posixpath.basename(path) == PYPROJECT and entry.kind is Kind.FILE
        if named and lists_dependencies(read_source(config.context / path)):
            yield path


def _stood_in_for(config: Config) -> bool:
    return stands_in(config) and not config.dockerfile.exists()


def told(advice: Advice) -> AdviceInfo:
    """Advice as events tell it: the better lines stay in the project, where `devbox explain` finds them."""
    return AdviceInfo(
        rule=advice.rule,
        file=posix(advice.file),
        line=advice.line,
        message=one_line(advice.message),
        hint=one_line(advice.hint),
    )


def suggested(advice: Advice) -> Suggested:
    """The same with the better lines."""
    return Suggested(
        **told(advice).model_dump(),
        better=advice.better,
        first=advice.first,
        last=advice.last,
        into=posix(advice.into),
    )


def _port(config: Config, dockerfile: Dockerfile) -> int:
    """The port that the command listens on, 0 where it does not tell."""
    hints = runtime(dockerfile, config.build_args, config.target)
    words = [
        word
        for part in (hints.entrypoint, hints.cmd)
        for word in (part.split() if isinstance(part, str) else part or ())
    ]
    if not any(known_server(word) for word in words):
        return 0
    return port_in_command(words) or DEFAULT_PORT
