"""What the daemon and the gate say to each other: one JSON object a line, each way; pure.

    request   {"id": 3, "do": "listen", "name": "web", "host": "127.0.0.1", "port": 8000, "hold": 10.0}
    reply     {"id": 3, "ok": {"port": 8000}}
              {"id": 3, "error": {"code": "EADDRINUSE", "text": "Address already in use"}}

Replies may come in another order than their requests. `hello` and `stop` keep their form in every version,
so that a newer devbox can recognise and end an older gate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from devbox.model import Backend

VERSION = 1
HOLD_SECONDS = 10.0
LINE_BYTES = 1 << 20


class WireError(ValueError):
    """A line is not what this protocol says it should be."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Ask for the gate's State."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Open the route `name` on `host` (an IP address) and `port` (0: any free one); answered by Listening.

    `hold` is for how many seconds a client is kept waiting for a backend that answers.
    """

    name: str
    host: str
    port: int
    hold: float = HOLD_SECONDS


@dataclass(frozen=True, slots=True)
class Unlisten:
    """Close the route `name`; connections that a backend already serves go on."""

    name: str


@dataclass(frozen=True, slots=True)
class Point:
    """Send the named routes' clients to these backends from now on, all routes in one step; None: nowhere."""

    backends: Mapping[str, Backend | None]


@dataclass(frozen=True, slots=True)
class Refuse:
    """While a route has no backend, answer its clients with `message` instead of holding them; '' to hold."""

    message: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Wait until no exchange is in progress with `backends`; answered by Drained.

    On an HTTP/1 connection that is until every request has its whole answer. Any other one must be gone, or
    silent: nothing went either way for `quiet` seconds, and no first answer is owed. The wait ends after
    `bound` seconds at the latest. With `close`, what remains is then closed, after a flush.
    """

    backends: tuple[Backend, ...]
    quiet: float
    bound: float
    close: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Close every listener and end the process."""


Request = Hello | Listen | Unlisten | Point | Refuse | Drain | Stop


@dataclass(frozen=True, slots=True)
class RouteState:
    """One published port: its address, where its clients go, connections open now and accepted so far."""

    name: str
    host: str
    port: int
    backend: Backend | None
    open: int
    accepted: int


@dataclass(frozen=True, slots=True)
class State:
    """What a gate says of itself: `version` of this protocol, process id, routes, the message of `refuse`."""

    version: int
    pid: int
    routes: tuple[RouteState, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Listening:
    """The port a route really listens on."""

    port: int


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended: connections that `remaining` counts were still open, after `seconds`."""

    remaining: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """The request was carried out; there is nothing else to say."""


Answer = State | Listening | Drained | Done


@dataclass(frozen=True, slots=True)
class Failure:
    """The request was not carried out: `code` is an errno name ("EADDRINUSE") or one of ours ("request")."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object read with types checked; WireError names the first value that does not fit."""

    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, key: str, *, empty: bool = False) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not (value or empty):
            raise WireError(f"{key} must be a {'' if empty else 'non-empty '}string")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise WireError(f"{key} must be an integer from {low} to {high}")
        return value

    def seconds(self, key: str) -> float:
        value = self.values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise WireError(f"{key} must be a number of seconds")
        if not (math.isfinite(value) and 0 <= value <= 86400):
            raise WireError(f"{key} must be from 0 to 86400 seconds")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if not isinstance(value, bool):
            raise WireError(f"{key} must be true or false")
        return value

    def backend(self, key: str) -> Backend | None:
        value = self.values.get(key)
        return None if value is None else _backend(value)


def encode_request(number: int, request: Request) -> bytes:
    """The line for `request`; `number` comes back with its reply."""
    return _line({"id": number, "do": _verb(type(request)), **asdict(request)})


def decode_request(line: bytes) -> tuple[int, Request]:
    """The request in `line` with its number; WireError where it is none."""
    fields = _fields(line)
    number = fields.integer("id", 0, 1 << 53)
    read = _READERS.get(fields.text("do"))
    if read is None:
        raise WireError(f"unknown request {fields.text('do')!r}")
    return number, read(fields)


def encode_reply(number: int, reply: Answer | Failure) -> bytes:
    """The line that answers request `number`."""
    return _line({"id": number, "error" if isinstance(reply, Failure) else "ok": asdict(reply)})


def decode_reply(line: bytes) -> tuple[int, Fields | Failure]:
    """The number of the request that `line` answers, with the answer's fields or the failure."""
    fields = _fields(line)
    number = fields.integer("id", -1, 1 << 53)
    error = fields.values.get("error")
    if error is not None:
        failure = _object(error, "error")
        return number, Failure(failure.text("code"), failure.text("text", empty=True))
    return number, _object(fields.values.get("ok"), "ok")


def read_version(fields: Fields) -> tuple[int, int]:
    """The protocol version and process id in the answer to `hello`, whatever the version."""
    return fields.integer("version", 0, 1 << 31), fields.integer("pid", 0, 1 << 31)


def read_state(fields: Fields) -> State:
    """The answer to `hello`, from a gate of this version."""
    version, pid = read_version(fields)
    routes = tuple(_route(item) for item in _list(fields.values.get("routes"), "routes"))
    return State(version, pid, routes, fields.text("message", empty=True))


def read_listening(fields: Fields) -> Listening:
    """The answer to `listen`."""
    return Listening(fields.integer("port", 1, 65535))


def read_drained(fields: Fields) -> Drained:
    """The answer to `drain`."""
    return Drained(fields.integer("remaining", 0, 1 << 31), fields.seconds("seconds"))


def _route(value: object) -> RouteState:
    fields = _object(value, "route")
    return RouteState(
        fields.text("name"),
        fields.text("host"),
        fields.integer("port", 1, 65535),
        fields.backend("backend"),
        fields.integer("open", 0, 1 << 31),
        fields.integer("accepted", 0, 1 << 53),
    )


def _point(fields: Fields) -> Point:
    routes = _object(fields.values.get("backends"), "backends")
    return Point({name: routes.backend(name) for name in routes.values})


def _drain(fields: Fields) -> Drain:
    backends = tuple(_backend(item) for item in _list(fields.values.get("backends"), "backends"))
    return Drain(backends, fields.seconds("quiet"), fields.seconds("bound"), fields.flag("close"))


def _backend(value: object) -> Backend:
    fields = _object(value, "backend")
    return Backend(fields.text("host"), fields.integer("port", 1, 65535))


_READERS: Mapping[str, Callable[[Fields], Request]] = {
    "hello": lambda _: Hello(),
    "listen": lambda fields: Listen(
        fields.text("name"), fields.text("host"), fields.integer("port", 0, 65535), fields.seconds("hold")
    ),
    "unlisten": lambda fields: Unlisten(fields.text("name")),
    "point": _point,
    "refuse": lambda fields: Refuse(fields.text("message", empty=True)),
    "drain": _drain,
    "stop": lambda _: Stop(),
}


def _verb(kind: type[Request]) -> str:
    return kind.__name__.lower()


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def _fields(line: bytes) -> Fields:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("not a line of JSON") from error
    return _object(value, "the line")


def _object(value: object, what: str) -> Fields:
    if not isinstance(value, dict):
        raise WireError(f"{what} must be an object")
    return Fields(value)


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise WireError(f"{what} must be a list")
    return value
