"""Which modules of others an application loads at its start, as far as its own source tells. Pure."""

from __future__ import annotations

import ast
import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Read = Callable[[str], "str | None"]

_SERVERS: Mapping[str, tuple[str, ...]] = {
    "uvicorn": (
        *("uvicorn.main", "uvicorn.config", "uvicorn.server", "uvicorn.logging", "uvicorn.importer"),
        *("uvicorn.loops.auto", "uvicorn.loops.uvloop", "uvicorn.loops.asyncio", "uvicorn.lifespan.on"),
        *("uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl"),
        *("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.websockets.auto"),
        *("uvicorn.protocols.websockets.websockets_impl", "uvicorn.middleware.proxy_headers"),
        *("uvicorn.protocols.websockets.websockets_sansio_impl", "uvicorn.supervisors"),
    ),
    "fastapi": ("fastapi.cli", "fastapi_cli.cli", "fastapi_cli.discover", "rich.console"),
    "hypercorn": (
        *("hypercorn.__main__", "hypercorn.run", "hypercorn.asyncio.run", "hypercorn.asyncio.lifespan"),
        *("hypercorn.asyncio.tcp_server", "hypercorn.protocol.h11", "hypercorn.protocol.h2"),
    ),
    "gunicorn": (
        *("gunicorn.app.wsgiapp", "gunicorn.arbiter", "gunicorn.glogging", "gunicorn.workers.sync"),
        *("gunicorn.workers.gthread", "gunicorn.http.wsgi", "gunicorn.sock"),
    ),
    "flask": ("flask.cli", "werkzeug.serving", "werkzeug.debug"),
}
_SERVER_USES = {"fastapi": "uvicorn"}
# They patch other modules, which only works before those are loaded.
_PATCHES_FIRST = frozenset({"gevent", "eventlet"})
_WORKER_PATCHES = re.compile(r"gevent|eventlet")
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.]*):[\w.()]+")
_MODULE = re.compile(r"[A-Za-z_][\w.]*")


def preload_modules(paths: frozenset[str], read: Read, argv: Sequence[str]) -> tuple[str, ...]:
    """The modules to load early for a process `argv`, in the order in which they are first imported.

    `paths` are the Python files of the project, `read` gives one's text. Left out is whatever might be the
    project's own. Nothing, where the application patches modules before it loads them.
    """
    if any(_WORKER_PATCHES.search(word) for word in argv):
        return ()
    found: dict[str, None] = {}
    for name in _imported(paths, read, argv):
        if name.partition(".")[0] in _PATCHES_FIRST:
            return ()
        found[name] = None
    server = [name for word in argv[:4] if (name := posixpath.basename(word)) in _SERVERS]
    for name in server:
        for known in (name, _SERVER_USES.get(name, name)):
            found.update(dict.fromkeys(_SERVERS[known]))
    own = own_names(paths)
    return tuple(name for name in found if name.partition(".")[0] not in own)


def own_names(paths: Iterable[str]) -> frozenset[str]:
    """Every name under which a file of the project could be imported at the top level."""
    names = set()
    for path in paths:
        *folders, file = path.split("/")
        names.update(folders)
        names.add(file.removesuffix(".py"))
    return frozenset(names | {"__future__", "__main__"})


def _imported(paths: frozenset[str], read: Read, argv: Sequence[str]) -> Iterator[str]:
    """What is imported from outside of the project, breadth first from where the application begins."""
    waiting = deque(_entries(paths, argv))
    seen = set(waiting)
    while waiting:
        path = waiting.popleft()
        for name in _imports(read(path) or ""):
            inside = _inside(name, path, paths)
            if not inside:
                yield name.lstrip(".")
            for file in inside:
                if file not in seen:
                    seen.add(file)
                    waiting.append(file)


def _entries(paths: frozenset[str], argv: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for word in argv[1:]:
        match = _ATTRIBUTE.fullmatch(word)
        name = match[1] if match else word if _MODULE.fullmatch(word) else ""
        if word.endswith(".py"):
            tail = posixpath.normpath(word).lstrip("/.")
            named = (path for path in sorted(paths) if _ends(tail, path) or _ends(path, tail))
            found.update(dict.fromkeys(named))
        elif name:
            found.update(dict.fromkeys(_files(name, paths)))
    if found:
        return list(found)
    return sorted(path for path in paths if not {"test", "tests"}.intersection(path.split("/")))


def _imports(text: str) -> Iterator[str]:
    """The names a module imports while it is loaded, relative ones with their dots."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in _at_load(tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if node.module:
                yield base
            joint = "" if base.endswith(".") else "."
            yield from (f"{base}{joint}{alias.name}" for alias in node.names if alias.name != "*")


def _at_load(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _at_load(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _at_load(getattr(node, name, ()))
        for handler in getattr(node, "handlers", ()):
            yield from _at_load(handler.body)


def _inside(name: str, importer: str, paths: frozenset[str]) -> tuple[str, ...]:
    """The project's files behind an imported name; none where it is somebody else's."""
    if not name.startswith("."):
        return _files(name, paths)
    dots = len(name) - len(name.lstrip("."))
    folder = importer.split("/")[:-dots]
    relative = "/".join([*folder, *name[dots:].split(".")]) if name[dots:] else "/".join(folder)
    found = tuple(path for path in (f"{relative}.py", f"{relative}/__init__.py") if path in paths)
    # What a relative import names is never somebody else's.
    return found or (importer,)


def _files(name: str, paths: frozenset[str]) -> tuple[str, ...]:
    place = name.replace(".", "/")
    tails = (f"{place}.py", f"{place}/__init__.py")
    return tuple(path for path in sorted(paths) if any(_ends(tail, path) for tail in tails))


def _ends(tail: str, path: str) -> bool:
    return path == tail or path.endswith(f"/{tail}")
