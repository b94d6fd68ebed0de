"""Builds on BuildKit over the Engine's own HTTP endpoint: no CLI; a session, and a tar body without one."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from devbox.build.asked import session_for
from devbox.build.context import tar_stream
from devbox.build.exported import Exported
from devbox.build.failure import blames_engine, build_failed
from devbox.build.fetched import files_for, folder_modes
from devbox.build.filesync import Listings
from devbox.build.job import BuildJob, step_info
from devbox.build.mask import Mask
from devbox.build.patience import Sending, answered
from devbox.build.steps import LogPiece, StepTracker
from devbox.build.trace import Trace, decode
from devbox.digest import file_digest
from devbox.engine.protocol import Engine
from devbox.engine.values import BuildRequest
from devbox.errors import EngineRefused
from devbox.events import BuildLog, BuildStep, Emit
from devbox.model import LABEL_PROJECT, Image

if TYPE_CHECKING:
    from devbox.build.session import Files

_REST_WITHIN = 2.0
_TRACE = "moby.buildkit.trace"
_IMAGE_ID = "moby.image.id"
_LOAD = "[internal] load build context"
_TAKEN_WITHIN = 1.0


class BuildKitBuilder:
    """A Builder for engines whose `/build?version=2` is BuildKit."""

    def __init__(self, engine: Engine, listings: Listings | None = None) -> None:
        """With `listings`, those of the builds before this one, BuildKit fetches what it does not have yet;
        without, and where it cannot, the whole context is sent."""
        self._engine = engine
        self._listings = listings
        self._rest: asyncio.Task[Image] | None = None

    async def build(self, job: BuildJob, emit: Emit) -> Image:
        """Gives the context and follows the trace until the image is there; see Builder for the errors."""
        there: asyncio.Future[Image] = asyncio.get_running_loop().create_future()
        whole = asyncio.create_task(self._whole(job, emit, there))
        try:
            await asyncio.wait({whole, there}, return_when=asyncio.FIRST_COMPLETED)
            return there.result() if there.done() else whole.result()
        finally:
            if there.done():
                # The image is there: what becomes of the rest is nobody's concern.
                whole.add_done_callback(_unheard)
                self._rest = whole
            else:
                whole.cancel()
                await asyncio.wait({whole})

    async def ended(self) -> None:
        """Returns when the engine is done with a build whose image was there before, within 2 s."""
        rest, self._rest = self._rest, None
        if rest is not None:
            await asyncio.wait({rest}, timeout=_REST_WITHIN)
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)

    async def _whole(self, job: BuildJob, emit: Emit, there: asyncio.Future[Image]) -> Image:
        async with AsyncExitStack() as stack:
            session, files = await self._session(job, stack)
            building = asyncio.create_task(self._build(job, session, files, emit, there))
            try:
                return await asyncio.shield(building)
            except asyncio.CancelledError:
                if files is not None and files.begun:
                    await _taken(files, building)
                raise
            finally:
                building.cancel()
                await asyncio.wait({building})

    async def _build(
        self, job: BuildJob, session: str, files: Files | None, emit: Emit, there: asyncio.Future[Image]
    ) -> Image:
        """The image at the end of the answer; `there` gets it as soon as it can be used."""
        started = time.monotonic()
        tracker, exported = StepTracker(job.plan.reasons), Exported()
        image_id = error = ""
        mask = Mask(job.asked.secrets.values())
        sending = Sending(iter(()) if files else tar_stream(job.root, job.snapshot, job.extra))
        request = build_request(job, buildkit=True, session=session)
        answer = self._engine.build(replace(request, fetches=files is not None), iter(sending))
        async for message in answered(answer, sending):
            if message.get("id") == _TRACE and not there.done():
                trace = decode(str(message.get("aux", "")))
                _report(job, tracker, trace, mask, emit)
                if files is not None and any(
                    vertex.name == _LOAD and vertex.completed for vertex in trace.vertexes
                ):
                    files.taken.set()
                if written := exported.feed(trace):
                    there.set_result(Image(written, tracker.steps, time.monotonic() - started))
            elif message.get("id") == _IMAGE_ID:
                image_id = image_id_of(message)
            elif "error" in message:
                error = mask(str(message["error"]))
        if files is not None and files.failure is not None:
            raise files.failure
        if error:
            await self._raise(tracker, error, mask, job.asked.missing)
        if not image_id:
            await self._engine.info()
            raise EngineRefused("the engine ended the build without an image and without an error")
        return Image(image_id, tracker.steps, time.monotonic() - started)

    async def _session(self, job: BuildJob, stack: AsyncExitStack) -> tuple[str, Files | None]:
        """The session of a build, and what BuildKit may fetch on it, None where all is to be sent."""
        files = await files_for(job, self._listings) if self._listings is not None else None
        try:
            session = session_for(self._engine, job.asked, files, _shared_key(job))
            return await stack.enter_async_context(session), files
        except EngineRefused:
            # Between us and the engine may be somebody who lets no sessions through.
            if files is None or job.asked.session:
                raise
            return "", None

    async def _raise(self, tracker: StepTracker, error: str, mask: Mask, missing: Mapping[str, str]) -> None:
        if blames_engine(error):
            await self._engine.info()
        step = tracker.failed
        if step is None:
            raise build_failed("", error, (), missing)
        log = tuple(mask(line) for line in tracker.log_of(step))
        raise build_failed(step.instruction, mask(step.error) or error, log, missing)


def _unheard(task: asyncio.Task[Image]) -> None:
    """Takes note of how a task ended that nobody asks, which asyncio would complain of."""
    if not task.cancelled():
        task.exception()


async def _taken(files: Files, building: asyncio.Task[Image]) -> None:
    """Lets BuildKit come to the end of fetching the context, for a second at most: where that is broken off,
    it throws away all that it has, which the next build would have to give again."""
    taken = asyncio.create_task(files.taken.wait())
    try:
        await asyncio.wait({taken, building}, timeout=_TAKEN_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    finally:
        taken.cancel()


def _shared_key(job: BuildJob) -> str:
    """The same for all builds of a folder, and of no other: BuildKit keeps one copy for each."""
    owner = (os.fsencode(job.root), job.labels.get(LABEL_PROJECT, "").encode())
    return file_digest([*owner, folder_modes(job.snapshot)])


def _report(job: BuildJob, tracker: StepTracker, trace: Trace, mask: Mask, emit: Emit) -> None:
    steps, lines = tracker.feed(trace)
    for step in steps:
        emit(BuildStep(build=job.number, step=step_info(replace(step, error=mask(step.error)))))
    for piece in lines:
        emit(log_event(job, replace(piece, line=mask(piece.line))))


def log_event(job: BuildJob, piece: LogPiece) -> BuildLog:
    """The event form of a line."""
    return BuildLog(
        build=job.number,
        step=piece.instruction,
        line=piece.line,
        stream="stderr" if piece.stream == 2 else "stdout",
    )


def build_request(job: BuildJob, *, buildkit: bool, session: str = "") -> BuildRequest:
    """The engine's form of a job."""
    return BuildRequest(
        build_id=uuid.uuid4().hex,
        tag=job.tag,
        dockerfile=job.dockerfile,
        labels=job.labels,
        target=job.target,
        build_args=job.build_args,
        no_cache=job.no_cache,
        network=job.network,
        buildkit=buildkit,
        session=session,
    )


def image_id_of(message: Mapping[str, object]) -> str:
    """The image id in a message's `aux`, '' where it holds none."""
    aux = message.get("aux")
    return str(aux.get("ID", "")) if isinstance(aux, Mapping) else ""
