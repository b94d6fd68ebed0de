"""The control API as an application: each path a method of Control."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Protocol

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from devbox import __version__
from devbox.config import Config
from devbox.daemon.api import models
from devbox.daemon.api.bounds import Bounded
from devbox.daemon.hub import Kept
from devbox.errors import DevboxError, EngineError

_SSE = "text/event-stream"
_LINES = "application/x-ndjson"
_MOST = 2**53 - 1

After = Annotated[int, Query(ge=0, le=_MOST, description="only events with a higher `seq`")]


class Controls(Protocol):
    """What the application asks; `daemon.control.Control` is it."""

    def status(self) -> models.Status: ...
    def config(self) -> Config: ...
    async def rebuild(self, order: models.RebuildOrder) -> models.Begun: ...
    async def restart(self) -> models.Begun: ...
    async def rollback(self, order: models.RollbackOrder) -> models.Begun: ...
    async def pause(self) -> models.Watching: ...
    async def resume(self) -> models.Watching: ...
    async def wait(self, order: models.WaitOrder) -> models.Waited: ...
    async def revisions(self) -> models.Revisions: ...
    def stop(self) -> None: ...
    def kept(self, after: int) -> Iterator[Kept]: ...
    def follow(self, after: int) -> AsyncIterator[Kept]: ...


def application(control: Controls) -> FastAPI:
    """The application that answers for one session."""
    app = FastAPI(
        title="devbox control",
        version=__version__,
        description="Controls one running devbox. Every path is below the version that it belongs to.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        responses={
            400: {"model": models.Refusal, "description": "The body is no JSON."},
            408: {"model": models.Refusal, "description": "The body was not whole within 10 seconds."},
            413: {"model": models.Refusal, "description": "The body is longer than 64 KiB."},
            409: {"model": models.Refusal, "description": "It cannot be done now, or not at all."},
            503: {"model": models.Refusal, "description": "The engine does not answer, or refuses."},
        },
    )
    app.add_middleware(Bounded)
    app.add_exception_handler(DevboxError, _refused)
    app.add_exception_handler(HTTPException, _not_found)

    _add_reads(app, control)
    _add_orders(app, control)
    return app


def _add_reads(app: FastAPI, control: Controls) -> None:
    @app.get("/v1/status", operation_id="status", summary="How the project stands")
    async def status() -> models.Status:
        return control.status()

    @app.get(
        "/v1/config",
        operation_id="config",
        summary="The settings and flags in force",
        response_model=Config,
    )
    async def config() -> Response:
        # A path that is no UTF-8 goes through JSON with its bytes escaped, which pydantic refuses to write.
        return Response(json.dumps(control.config().model_dump(mode="json")), media_type="application/json")

    @app.get("/v1/revisions", operation_id="revisions", summary="What can be rolled back to")
    async def revisions() -> models.Revisions:
        return await control.revisions()

    @app.get(
        "/v1/events",
        operation_id="events",
        summary="The events that are kept",
        response_model=models.Events,
    )
    async def events(after: After = 0) -> Response:
        told = ",".join(event.text for event in control.kept(after))
        return Response(f'{{"events":[{told}]}}', media_type="application/json")

    @app.get(
        "/v1/events/follow",
        operation_id="follow",
        summary="The events that are kept, then each new one, until the session ends",
        description=(
            "JSON lines, or server-sent events where `Accept` names text/event-stream. Whoever reads too "
            "slowly is let go and comes again with `after`; a step in `seq` tells what was missed."
        ),
        response_class=StreamingResponse,
        responses={200: {"content": {_LINES: {}, _SSE: {}}}},
    )
    async def follow(after: After = 0, accept: Annotated[str, Header()] = _LINES) -> StreamingResponse:
        sse = _SSE in accept
        lines = _lines(control.follow(after), sse=sse)
        return StreamingResponse(lines, media_type=_SSE if sse else _LINES)


def _add_orders(app: FastAPI, control: Controls) -> None:
    @app.post("/v1/rebuild", operation_id="rebuild", status_code=202, summary="Build what is on disk")
    async def rebuild(order: models.RebuildOrder) -> models.Begun:
        return await control.rebuild(order)

    @app.post(
        "/v1/restart", operation_id="restart", status_code=202, summary="A new container of what serves"
    )
    async def restart() -> models.Begun:
        return await control.restart()

    @app.post(
        "/v1/rollback", operation_id="rollback", status_code=202, summary="An older revision serves again"
    )
    async def rollback(order: models.RollbackOrder) -> models.Begun:
        return await control.rollback(order)

    @app.post("/v1/pause", operation_id="pause", summary="Changes on disk lead to nothing")
    async def pause() -> models.Watching:
        return await control.pause()

    @app.post("/v1/resume", operation_id="resume", summary="Changes on disk are built again")
    async def resume() -> models.Watching:
        return await control.resume()

    @app.post("/v1/wait", operation_id="wait", summary="Wait until what is on disk serves, or cannot")
    async def wait(order: models.WaitOrder) -> models.Waited:
        return await control.wait(order)

    @app.post("/v1/stop", operation_id="stop", status_code=202, summary="End the session as Ctrl-C does")
    async def stop() -> models.Watching:
        control.stop()
        return models.Watching(paused=True)


async def _lines(events: AsyncIterator[Kept], *, sse: bool) -> AsyncIterator[str]:
    async for event in events:
        yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.text}\n\n" if sse else f"{event.text}\n"


async def _refused(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, DevboxError)
    refusal = models.Refusal(what=error.what, cause=error.cause, hint=error.hint, exit_code=error.exit_code)
    return JSONResponse(refusal.model_dump(), 503 if isinstance(error, EngineError) else 409)


async def _not_found(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    refusal = models.Refusal(what=f"{request.method} {request.url.path}: {error.detail}", exit_code=2)
    return JSONResponse(refusal.model_dump(), error.status_code, headers=error.headers)
