"""One examination: every check beside the others, none of which can hide another one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from devbox.build.dockerfile import BuildStep, Dockerfile, base_images, build_steps, stage_closure
from devbox.build.reach import reached
from devbox.config import Config, load, load_leniently
from devbox.daemon.advising import given
from devbox.daemon.lookover import look_over, on_thread
from devbox.daemon.project import published
from devbox.daemon.source import dockerfile_of, parsed
from devbox.daemon.template import NO_DOCKERFILE, Template
from devbox.doctor import cacheorder, context, engine, gather, machine
from devbox.doctor.facts import Answer
from devbox.doctor.finding import ENGINE, SETTINGS, Diagnosis, Finding, Skipped, failure, ok, skipped, warning
from devbox.engine import connect
from devbox.engine.protocol import Engine
from devbox.errors import ConfigError, DevboxError, UsageError
from devbox.model import Entry
from devbox.watch import Survey

T = TypeVar("T")

_CHECK_SECONDS = 30.0
_READ_SECONDS = 5.0
_DOCKERFILE = "dockerfile"

_NO_SETTINGS = "the settings cannot be read"
_NO_ENGINE = "no engine answers"
_NO_DOCKERFILE = "the Dockerfile cannot be used"
_NO_CONTEXT = "the build context cannot be used"

Found = Finding | Skipped
Check = Callable[[], Awaitable[Sequence[Found]]]


async def examine(
    root: Path, environ: Mapping[str, str], connecting: Callable[[], Awaitable[Engine]] = connect
) -> Diagnosis:
    """Everything there is to say of the project in `root`, within a minute; changes nothing.

    Raises ConfigError where `root` is no folder.
    """
    trouble: ConfigError | None = None
    try:
        config = load(root, {}, environ)
    except ConfigError as error:
        trouble, config = error, load_leniently(root, environ)
    async with asyncio.TaskGroup() as group:
        examination = _Examination(config, environ, trouble, connecting, group)
        try:
            found = await asyncio.gather(*(_made(name, check) for name, check in examination.checks()))
        finally:
            await examination.close()
    every = [one for some in found for one in some]
    told = tuple(one for one in every if isinstance(one, Finding))
    return Diagnosis(config.project, told + skipped(tuple(one for one in every if isinstance(one, Skipped))))


async def _made(name: str, check: Check) -> Sequence[Found]:
    """What a check finds; one that breaks is a finding itself."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except UsageError as error:
        # It would end devbox up as well.
        return [failure(name, str(error), error.hint or "put that right")]
    except Exception as error:  # noqa: BLE001 - a mistake in one check must not take the others with it
        return [warning(name, f"could not be looked at: {_in_words(error)}", "run devbox doctor again")]


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "there was no answer in time"
    return str(error) if isinstance(error, DevboxError) else f"{type(error).__name__}: {error}"


class _Examination:
    """What is found out once and used by several checks runs as tasks of `group`."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        trouble: ConfigError | None,
        connecting: Callable[[], Awaitable[Engine]],
        group: asyncio.TaskGroup,
    ) -> None:
        self._config, self._environ, self._trouble = config, environ, trouble
        self._engine: Engine | None = None
        self._content = b""
        self._stands_in = False
        self._answering = group.create_task(_or_error(self._connected(connecting)))
        self._looking = group.create_task(_or_error(look_over(config)))
        self._reading = group.create_task(_or_error(self._dockerfile()))

    async def close(self) -> None:
        """Ends the use of the engine."""
        for task in (self._answering, self._reading, self._looking):
            task.cancel()
        await asyncio.gather(self._answering, return_exceptions=True)
        if self._engine is not None:
            await self._engine.close()

    def checks(self) -> Iterable[tuple[str, Check]]:
        """Every check under the name of its findings, in the order in which they are shown."""
        of_project: tuple[tuple[str, Check], ...] = (
            (machine.PROJECT, self._check_occupants),
            (_DOCKERFILE, self._check_dockerfile),
            (engine.BASE_IMAGE, self._check_bases),
            (cacheorder.CACHE_ORDER, self._check_order),
            (context.CONTEXT, self._check_context),
            (context.SECRETS, self._check_secrets),
            (machine.PORTS, self._check_ports),
            (machine.INOTIFY, self._check_watching),
        )
        yield SETTINGS, self._check_settings
        yield ENGINE, self._check_engine
        yield engine.BUILDKIT, self._check_buildkit
        yield engine.IMAGE_STORE, self._check_store
        yield machine.DISK, self._check_disks
        for name, check in of_project:
            yield name, check if self._trouble is None else partial(_skip, name, _NO_SETTINGS)
        yield engine.CLOCK, self._check_clocks

    async def _connected(self, connecting: Callable[[], Awaitable[Engine]]) -> Answer:
        self._engine = await connecting()
        return await gather.ask(self._engine)

    async def _dockerfile(self) -> Dockerfile:
        entries: Mapping[str, Entry] = {}
        if not await on_thread(self._config.dockerfile.exists, _READ_SECONDS):
            survey = await self._looking
            entries = survey.snapshot.entries if isinstance(survey, Survey) else {}
        reading = partial(dockerfile_of, self._config, entries, Template())
        content, generated = await on_thread(reading, _READ_SECONDS)
        self._stands_in = generated is not None
        dockerfile = parsed(self._config, content)
        self._content = content
        # What names no stage that is there is found now.
        self._steps(dockerfile)
        return dockerfile

    def _steps(self, dockerfile: Dockerfile) -> tuple[BuildStep, ...]:
        arguments, target = self._config.build_args, self._config.target
        stages = stage_closure(dockerfile, target, arguments)
        return tuple(step for stage in stages for step in build_steps(dockerfile, stage, arguments))

    async def _check_settings(self) -> Sequence[Found]:
        if self._trouble is not None:
            hint = self._trouble.hint or "correct that, and run devbox doctor again"
            return [failure(SETTINGS, str(self._trouble), hint)]
        files = sorted({source for source in self._config.sources.values() if source.endswith(".toml")})
        told = f"read from {' and '.join(files)}" if files else "no settings file: the defaults"
        return [ok(SETTINGS, told)]

    async def _check_occupants(self) -> Sequence[Found]:
        await self._answering
        return [machine.occupants(self._config.project, await gather.occupants(self._engine, self._config))]

    async def _check_engine(self) -> Sequence[Found]:
        return [engine.engine(await self._answering, self._environ)]

    async def _check_buildkit(self) -> Sequence[Found]:
        answer = await self._answering
        if self._engine is None or isinstance(answer, DevboxError):
            return [Skipped(engine.BUILDKIT, _NO_ENGINE)]
        offered = answer.info.buildkit
        return [engine.buildkit(answer.info, await gather.builder_silence(self._engine) if offered else None)]

    async def _check_store(self) -> Sequence[Found]:
        answer = await self._answering
        if isinstance(answer, DevboxError):
            return [Skipped(engine.IMAGE_STORE, _NO_ENGINE)]
        return [engine.image_store(answer.info)]

    async def _check_disks(self) -> Sequence[Found]:
        answer = await self._answering
        info = None if isinstance(answer, DevboxError) else answer.info
        untold = info.name if info is not None and not gather.shares_disk(info) else ""
        return [machine.disks(await gather.rooms(info, self._config), untold)]

    async def _check_dockerfile(self) -> Sequence[Found]:
        dockerfile = await self._reading
        if isinstance(dockerfile, DevboxError):
            return [failure(_DOCKERFILE, str(dockerfile), dockerfile.hint or "correct that line")]
        stages = stage_closure(dockerfile, self._config.target, self._config.build_args)
        if self._stands_in:
            return [ok(_DOCKERFILE, NO_DOCKERFILE)]
        built = f": builds {stages[-1].label}" if len(dockerfile.stages) > 1 else ""
        return [ok(_DOCKERFILE, f"{dockerfile.path} is understood{built}")]

    async def _check_bases(self) -> Sequence[Found]:
        answer, dockerfile = await self._answering, await self._reading
        if isinstance(dockerfile, DevboxError):
            return [Skipped(engine.BASE_IMAGE, _NO_DOCKERFILE)]
        if self._engine is None or isinstance(answer, DevboxError):
            return [Skipped(engine.BASE_IMAGE, _NO_ENGINE)]
        names = base_images(dockerfile, self._config.build_args, self._config.target)
        return [engine.base_image(base) for base in await gather.bases(self._engine, names)]

    async def _check_order(self) -> Sequence[Found]:
        dockerfile, survey = await self._reading, await self._looking
        if isinstance(dockerfile, DevboxError):
            return [Skipped(cacheorder.CACHE_ORDER, _NO_DOCKERFILE)]
        if isinstance(survey, DevboxError):
            return [Skipped(cacheorder.CACHE_ORDER, _NO_CONTEXT)]
        config, entries = self._config, survey.snapshot.entries
        asked = await asyncio.to_thread(lambda: given(config, dockerfile, self._content, entries))
        return cacheorder.cache_order(asked)

    async def _check_context(self) -> Sequence[Found]:
        survey, dockerfile, answer = await self._looking, await self._reading, await self._answering
        if isinstance(survey, DevboxError):
            return [failure(context.CONTEXT, str(survey), survey.hint)]
        sent = survey.snapshot
        if not isinstance(dockerfile, DevboxError) and (
            isinstance(answer, DevboxError) or answer.info.buildkit
        ):
            sent = reached(dockerfile, self._config.build_args, self._config.target, sent)
        return context.context(survey.snapshot.entries, sent.entries, self._ignore_file(survey))

    async def _check_secrets(self) -> Sequence[Found]:
        survey, dockerfile = await self._looking, await self._reading
        if isinstance(survey, DevboxError):
            return [Skipped(context.SECRETS, _NO_CONTEXT)]
        if isinstance(dockerfile, DevboxError):
            return [Skipped(context.SECRETS, _NO_DOCKERFILE)]
        given = [
            str(path.relative_to(self._config.context))
            for path in self._config.env_files
            if path.is_relative_to(self._config.context)
        ]
        steps = self._steps(dockerfile)
        return [context.secrets(survey.snapshot.entries, steps, given, self._ignore_file(survey))]

    async def _check_ports(self) -> Sequence[Found]:
        dockerfile = await self._reading
        await self._answering
        wanted = self._config.ports
        if not wanted and isinstance(dockerfile, DevboxError):
            return [Skipped(machine.PORTS, _NO_DOCKERFILE)]
        if not isinstance(dockerfile, DevboxError):
            wanted = published(self._config, dockerfile)
        return [machine.port(port) for port in await gather.ports(self._engine, self._config, wanted)]

    async def _check_watching(self) -> Sequence[Found]:
        survey = await self._looking
        if isinstance(survey, DevboxError):
            return [Skipped(machine.INOTIFY, _NO_CONTEXT)]
        found = await gather.watching(self._config.context, survey.directories, self._environ)
        return [machine.watching(found)]

    async def _check_clocks(self) -> Sequence[Found]:
        answer, survey = await self._answering, await self._looking
        found: list[Found] = [] if isinstance(answer, DevboxError) else [engine.clocks(answer)]
        if self._trouble is None and not isinstance(survey, DevboxError):
            now = time.time()
            entries = survey.snapshot.entries
            ahead = {path: entry.mtime - now for path, entry in entries.items() if entry.mtime > now}
            found.append(engine.future_files(ahead, str(self._config.context)))
        return found

    def _ignore_file(self, survey: Survey) -> str:
        """The ignore file that counts, as the user would name it."""
        place = survey.ignore_folder / survey.ignore_file
        root = self._config.root
        return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)


async def _skip(name: str, reason: str) -> Sequence[Found]:
    return [Skipped(name, reason)]


async def _or_error(work: Coroutine[Any, Any, T]) -> T | DevboxError:
    """What the work gives, or why it gives nothing."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - as in _made
        return error if isinstance(error, DevboxError) else DevboxError(_in_words(error))
