"""The engine's long answers, as blocking work for one thread: build, pull, logs, exec, events, wait.

Each function takes the transport and a `put` for what it has to say, and returns when the stream ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

import requests
from docker.utils import parse_repository_tag

from devbox.engine import facts, logins
from devbox.engine.calls import pause
from devbox.engine.decode import FRAME_HEADER, LineAssembler, SeenMessages, Stream, frame, json_messages
from devbox.engine.progress import Layers
from devbox.engine.translate import FOREIGN, refusal, translated
from devbox.engine.transport import READ_SECONDS, Transport
from devbox.engine.values import BuildRequest, EngineEvent, LogLine, PullProgress
from devbox.model import LABEL_PROJECT

# Connecting and sending have a bound; the answer may take as long as the work does.
_UNTIL_IT_ENDS = (READ_SECONDS, None)
# Seconds between two looks at a container that is about to be started.
_START_POLL = 0.02


class _ContextFailed(Exception):
    """The context raised `__cause__`; of no kind that urllib3 would treat as trouble of the network."""


def _body(context: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from context
    except Exception as error:
        raise _ContextFailed from error


def build(
    transport: Transport,
    request: BuildRequest,
    context: Iterator[bytes],
    put: Callable[[Mapping[str, object]], None],
) -> None:
    """Sends the context and puts each message of the answer; an exception of `context` comes unchanged."""
    try:
        with (
            translated(f"the engine did not build {request.tag}", transport.address.url),
            transport.client.post(
                transport.url("/build"),
                params=_build_parameters(request),
                headers={"Content-Type": "application/x-tar"},
                data=_body(context),
                stream=True,
                timeout=_UNTIL_IT_ENDS,
            ) as response,
        ):
            _raise_refusal(response)
            for message in json_messages(response.iter_content(None)):
                put(message)
    except _ContextFailed as failed:
        if failed.__cause__ is None:
            raise
        raise failed.__cause__ from None
    finally:
        if isinstance(context, Generator):
            # Of a build that ended early: its files are closed now, not when somebody collects it.
            context.close()


def cancel_build(transport: Transport, build_id: str) -> None:
    """Asks for the end of a build by the id it was sent with."""
    with translated("cannot cancel the build", transport.address.url):
        url = transport.url("/build/cancel")
        transport.client.post(url, params={"id": build_id}, timeout=READ_SECONDS).raise_for_status()


def _build_parameters(request: BuildRequest) -> dict[str, str]:
    parameters = {
        "version": "2" if request.buildkit else "1",
        "buildid": request.build_id,
        "t": request.tag,
        "dockerfile": request.dockerfile,
        "target": request.target,
        "networkmode": request.network,
        "nocache": "1" if request.no_cache else "",
        "buildargs": json.dumps(dict(request.build_args)) if request.build_args else "",
        "labels": json.dumps(dict(request.labels)),
        "session": request.session,
        "remote": "client-session" if request.fetches else "",
        "rm": "1",
        "forcerm": "1",
    }
    return {name: value for name, value in parameters.items() if value}


def pull(transport: Transport, reference: str, put: Callable[[PullProgress], None]) -> None:
    """Pulls with the credentials of the user's docker configuration as it is now."""
    what = f"cannot pull {reference}"
    repository, tag = parse_repository_tag(reference)
    layers = Layers()
    with translated(what, transport.address.url, pulling=True):
        login = logins.header(repository)
        pulling = transport.client.pull(repository, tag=tag, auth_config=login, stream=True, decode=True)
        for message in pulling:
            if "error" in message:
                raise refusal(what, 0, str(message["error"]), pulling=True)
            put(layers.see(message))


def logs(
    transport: Transport,
    container: str,
    follow: bool,
    tail: int | None,
    since: float,
    started: bool,
    put: Callable[[LogLine], None],
) -> None:
    """Puts the lines of both streams; a container not `started` yet is waited for when following."""
    with translated(f"cannot read the log of {facts.short(container)}", transport.address.url):
        lines, seen = LineAssembler(), SeenMessages()
        wanted = {"tail": "all" if tail is None else str(tail)}
        if since:
            wanted["since"] = f"{since:.9f}"
        if follow:
            if not started:
                _await_start(transport, container)
            for stream, stamp, data in _messages(transport, container, {**wanted, "follow": "1"}):
                seen.note(stream, stamp)
                _put_all(put, lines.feed(stream, data))
            wanted = {"since": str(seen.since())} if seen.since() else wanted
        # Following may end before the last message has come (seen on engine 20.10, mostly with a line that
        # has no end), so what was followed is read once more for what it left out.
        try:
            for stream, stamp, data in _messages(transport, container, wanted):
                if not seen.knew(stream, stamp):
                    _put_all(put, lines.feed(stream, data))
        except requests.HTTPError:
            if not follow:
                raise
        _put_all(put, lines.finish())


def _messages(
    transport: Transport, container: str, parameters: Mapping[str, str]
) -> Iterator[tuple[Stream, bytes, bytes]]:
    url = transport.url(f"/containers/{container}/logs")
    every = {"stdout": "1", "stderr": "1", "timestamps": "1", **parameters}
    with transport.client.get(url, params=every, stream=True, timeout=_UNTIL_IT_ENDS) as response:
        _raise_refusal(response)
        for stream, data in _frames(response):
            stamp, _, written = data.partition(b" ")
            yield stream, stamp, written


def _put_all(put: Callable[[LogLine], None], lines: Iterable[LogLine]) -> None:
    for line in lines:
        put(line)


def _await_start(transport: Transport, container: str) -> None:
    # The engine takes a container that was never started for one that has ended.
    while transport.client.inspect_container(container)["State"]["Status"] == "created":
        pause(_START_POLL)


def execute(
    transport: Transport,
    container: str,
    command: tuple[str, ...],
    user: str,
    put: Callable[[bytes | int], None],
) -> None:
    """Puts the output of a command in pieces, then its exit status."""
    with translated(f"cannot run a command in {facts.short(container)}", transport.address.url):
        created = transport.client.exec_create(container, list(command), user=user)["Id"]
        with transport.client.post(
            transport.url(f"/exec/{created}/start"),
            json={"Detach": False, "Tty": False},
            stream=True,
            timeout=_UNTIL_IT_ENDS,
        ) as response:
            _raise_refusal(response)
            for _, data in _frames(response):
                put(data)
        put(int(transport.client.exec_inspect(created)["ExitCode"] or 0))


def _raise_refusal(response: requests.Response) -> None:
    if not response.ok:
        # To be read while the connection is open: the reason stands in the body.
        _ = response.content
    response.raise_for_status()


def _frames(response: requests.Response) -> Iterator[tuple[Stream, bytes]]:
    # Reads exactly what the frames announce: asking for more would wait for output yet to come.
    while len(header := response.raw.read(FRAME_HEADER)) == FRAME_HEADER:
        stream, length = frame(header)
        yield stream, response.raw.read(length)


def events(transport: Transport, put: Callable[[EngineEvent], None]) -> None:
    """Puts the events of our containers; returns when the engine goes away."""
    filters = json.dumps({"type": ["container"], "label": [LABEL_PROJECT]})
    with translated("cannot listen to the engine's events", transport.address.url):
        response = transport.client.get(
            transport.url("/events"), params={"filters": filters}, stream=True, timeout=_UNTIL_IT_ENDS
        )
        response.raise_for_status()
    with response:
        messages = json_messages(response.iter_content(None))
        while True:
            try:
                message = next(messages, None)
            except FOREIGN:
                return
            if message is None:
                return
            event = facts.event(message)
            # Commands run inside a container, health checks above all, are no news about the container.
            if not event.action.startswith("exec_"):
                put(event)


def wait(transport: Transport, container: str, started: bool) -> int:
    """Blocks until the container, `started` by now or not, has ended and returns its exit status."""
    with translated(f"cannot wait for {facts.short(container)}", transport.address.url):
        if not started:
            _await_start(transport, container)
        response = transport.client.post(
            transport.url(f"/containers/{container}/wait"), timeout=_UNTIL_IT_ENDS
        )
        response.raise_for_status()
        return int(response.json()["StatusCode"])
