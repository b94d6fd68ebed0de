"""What known servers load at run time, measured in a real start of each; a module that an installed version
lacks is passed over. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

_UVICORN = (
    *("uvicorn.main", "uvicorn.config", "uvicorn.server", "uvicorn.logging", "uvicorn.importer"),
    *("uvicorn.loops.auto", "uvicorn.loops.uvloop", "uvicorn.loops.asyncio", "uvicorn.lifespan.on"),
    *("uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl"),
    *("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.websockets.auto"),
    *("uvicorn.protocols.websockets.websockets_impl", "uvicorn.middleware.proxy_headers"),
    *("uvicorn.protocols.websockets.websockets_sansio_impl", "uvicorn.protocols.websockets.wsproto_impl"),
    "encodings.idna",
)
_RUN_TIME: Mapping[str, tuple[str, ...]] = {
    "uvicorn": _UVICORN,
    "fastapi": ("fastapi.cli", "fastapi_cli.cli", "fastapi_cli.discover", *_UVICORN),
    "hypercorn": (
        *("hypercorn.__main__", "hypercorn.run", "hypercorn.asyncio.run", "hypercorn.asyncio.lifespan"),
        *("hypercorn.asyncio.tcp_server", "hypercorn.protocol.h11", "hypercorn.protocol.h2"),
    ),
    "gunicorn": (
        *("gunicorn.app.wsgiapp", "gunicorn.arbiter", "gunicorn.glogging", "gunicorn.workers.sync"),
        *("gunicorn.workers.gthread", "concurrent.futures.thread", "gunicorn.http.wsgi"),
        *("gunicorn.sock", "encodings.idna"),
    ),
    "flask": ("flask.cli", "werkzeug.serving", "werkzeug.debug", "dotenv.main", "encodings.idna"),
    # It installs an event loop, with its sockets, when it is imported.
    "daphne": (),
}
_ANYIO = ("anyio._backends._asyncio", "anyio.streams.memory")
# What a library loads at the first request.
_AT_FIRST_USE: Mapping[str, tuple[str, ...]] = {"fastapi": _ANYIO, "starlette": _ANYIO}
# A program may begin them itself.
_BEGUN_BY_IMPORT = ("uvicorn", "hypercorn")
_WORKER = ("-k", "--worker-class")


def known_server(word: str) -> str:
    """The server that a word of a command line names, as a script or a module; '' for none."""
    name = posixpath.basename(word)
    return name if name in _RUN_TIME else ""


def run_time_modules(argv: Sequence[str], imported: Sequence[str]) -> Iterator[str]:
    """What the servers of this command line, or those that the application imports, load besides it."""
    servers = [known_server(word) for word in argv[1:4]]
    for worker in _workers(argv):
        yield worker
        servers.append("uvicorn" if worker.startswith("uvicorn") else "")
    servers += [name for name in _BEGUN_BY_IMPORT if name in imported]
    for server in dict.fromkeys(servers):
        yield from _RUN_TIME.get(server, ())
    for name in imported:
        yield from _AT_FIRST_USE.get(name, ())


def _workers(argv: Sequence[str]) -> Iterator[str]:
    """The modules of gunicorn's worker classes."""
    words = [word for long in argv for word in long.split("=", 1)]
    for option, value in pairwise(words):
        if option in _WORKER and "." in value:
            yield value.rpartition(".")[0]
