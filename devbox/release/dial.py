"""Dialling a container: does its port open, and what does it answer."""

from __future__ import annotations

import asyncio
import socket

from devbox.model import Backend

_POLL = 0.004
_CONNECT_BOUND = 1.0
ANSWER_BOUND = 5.0


async def until_open(target: Backend, *, direct: bool) -> Backend:
    """Returns the place once it opens; `direct` where nothing stands before the container."""
    opens = _opens if direct else _opens_behind_proxy
    while not await opens(target):  # noqa: ASYNC110 - nobody tells when
        await asyncio.sleep(_POLL)
    return target


async def _opens(target: Backend) -> bool:
    """True where a container's own address accepts; no stream, for it is asked 250 times a second beside a
    build and a start."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in target.host else socket.AF_INET) as sock:
        sock.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_BOUND):
                await loop.sock_connect(sock, (target.host, target.port))
        except (OSError, TimeoutError):
            return False
    return True


async def _opens_behind_proxy(target: Backend) -> bool:
    """True where a published port leads to somebody: Docker's proxy accepts before the application listens,
    and hangs up at once."""
    try:
        async with asyncio.timeout(_CONNECT_BOUND):
            reader, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(0.1):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()


async def http_status(target: Backend, path: str) -> int:
    """The status of GET `path`, 0 where no HTTP answer came within 5 seconds."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
        "User-Agent: devbox-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(ANSWER_BOUND):
            reader, writer = await asyncio.open_connection(target.host, target.port)
            try:
                writer.write(request.encode())
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return 0
    version, _, rest = line.partition(b" ")
    digits = rest[:3]
    return int(digits) if version.startswith(b"HTTP/1.") and digits.isdigit() else 0
