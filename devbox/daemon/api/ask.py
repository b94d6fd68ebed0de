"""One request to a running devbox, as JSON values: what a quick verb needs, and nothing that is slow to
import."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from devbox.daemon.api import SOCKET
from devbox.errors import DevboxError, Refused, UsageError

_LONGEST_LINE = 16 * 1024 * 1024
_UNAVAILABLE = 503
ANSWERS_WITHIN = 90.0


async def ask(
    directory: Path,
    method: str,
    what: str,
    body: Mapping[str, Any] | None = None,
    within: float = ANSWERS_WITHIN,
) -> Any:
    """The answer of the devbox whose runtime directory this is; raises UsageError where none runs, Refused
    where it says no, and DevboxError where it does not answer `within` so many seconds."""
    try:
        async with asyncio.timeout(within), connection(directory, method, what, body) as reader:
            status = await head(reader)
            answer = json.loads(await reader.read())
    except TimeoutError as error:
        raise DevboxError(
            f"devbox does not answer within {within:.0f}s", hint="devbox down ends it"
        ) from error
    if status < 400:
        return answer
    if "what" not in answer:
        raise Refused(f"devbox does not take the order: {answer.get('detail', status)}", exit_code=2)
    raise Refused(**answer)


@asynccontextmanager
async def connection(
    directory: Path, method: str, what: str, body: Mapping[str, Any] | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """A request that was sent; its answer ends where the reader does. Raises UsageError where none runs,
    DevboxError where the answer is torn."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(directory / SOCKET), limit=_LONGEST_LINE)
    except OSError as error:
        raise UsageError(
            "no devbox runs this project", hint="devbox up -d starts one in the background"
        ) from error
    content = json.dumps(body).encode() if body is not None else b""
    # HTTP/1.0: an answer ends where the connection does, however long it lasts.
    lines = (
        f"{method} /v1/{what} HTTP/1.0\r\nHost: devbox\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    try:
        writer.write(lines.encode() + content)
        yield reader
    except (ConnectionError, EOFError, ValueError) as error:
        raise DevboxError("devbox ended without an answer", hint="devbox status tells more") from error
    finally:
        writer.close()


async def head(reader: asyncio.StreamReader) -> int:
    """The status of an answer, whose body comes next; raises Refused where too many ask at once."""
    lines = await reader.readuntil(b"\r\n\r\n")
    status = int(lines.split(b" ", 2)[1])
    if status == _UNAVAILABLE and b"application/json" not in lines:
        # The server's own answer, and not the application's.
        raise Refused("too many programs ask devbox at once", hint="end some that do, and try again")
    return status
