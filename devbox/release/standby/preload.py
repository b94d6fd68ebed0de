"""Which modules of others an application loads at its start, as far as its own source tells. Pure."""

from __future__ import annotations

import ast
import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from devbox.release.standby.servers import known_server, run_time_modules

Read = Callable[[str], "str | None"]

# They patch other modules, which only works before those are loaded.
_PATCHES_FIRST = re.compile(r"gevent|eventlet")
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.]*):[\w.()]+")
_MODULE = re.compile(r"[A-Za-z_][\w.]*")


def preload_modules(paths: frozenset[str], read: Read, argv: Sequence[str]) -> tuple[str, ...]:
    """The modules to load early for a process `argv`, in the order in which they are first imported.

    "a.b" is imported, "a:b" is what `from a import b` loads. `paths` are the Python files of the project,
    `read` gives one's text. Left out is whatever might be the project's own. Nothing, where the application
    patches modules before it loads them.
    """
    if any(_PATCHES_FIRST.search(word) for word in argv) or _server_patches(paths, read, argv):
        return ()
    project = _Project(paths)
    found: dict[str, None] = {}
    for name in project.imported(read, argv):
        if _PATCHES_FIRST.fullmatch(_top(name)):
            return ()
        found[name] = None
    found.update(dict.fromkeys(run_time_modules(argv, tuple(found))))
    own = own_names(paths)
    return tuple(name for name in found if _top(name) not in own)


def runs(argv: Sequence[str], name: str) -> bool:
    """Whether `python -m` of this command line runs the module, which must not have been loaded by then."""
    pairs = pairwise(argv)
    return any(option == "-m" and name in {module, f"{module}.__main__"} for option, module in pairs)


def own_names(paths: Iterable[str]) -> frozenset[str]:
    """Every name under which a file of the project could be imported at the top level."""
    names = set()
    for path in paths:
        *folders, file = path.split("/")
        names.update(folders)
        names.add(file.removesuffix(".py"))
    return frozenset(names | {"__future__", "__main__"})


class _Project:
    """The project's files, by every name under which one could be imported."""

    def __init__(self, paths: frozenset[str]) -> None:
        self._paths = paths
        found: dict[str, list[str]] = {}
        for path in sorted(paths):
            parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
            for start in range(len(parts)):
                found.setdefault(".".join(parts[start:]), []).append(path)
        self._files: Mapping[str, list[str]] = found

    def imported(self, read: Read, argv: Sequence[str]) -> Iterator[str]:
        """What is imported from outside of the project, breadth first from where the application begins."""
        waiting = deque(self._entries(argv))
        seen = set(waiting)
        while waiting:
            path = waiting.popleft()
            for name in _imports(read(path) or ""):
                inside = self._inside(name, path)
                if not inside and not name.startswith("."):
                    yield name
                for file in inside:
                    if file not in seen:
                        seen.add(file)
                        waiting.append(file)

    def _entries(self, argv: Sequence[str]) -> list[str]:
        found: dict[str, None] = {}
        for word in (part for long in argv[1:] for part in long.split("=", 1)):
            match = _ATTRIBUTE.fullmatch(word)
            name = match[1] if match else word if _MODULE.fullmatch(word) else ""
            if word.endswith(".py"):
                tail = posixpath.normpath(word).lstrip("/.")
                named = (path for path in sorted(self._paths) if _ends(tail, path) or _ends(path, tail))
                found.update(dict.fromkeys(named))
            elif name and not known_server(name):
                found.update(dict.fromkeys((*self._named(name), *self._named(f"{name}.__main__"))))
        if found:
            return list(found)
        return [path for path in sorted(self._paths) if not {"test", "tests"}.intersection(path.split("/"))]

    def _inside(self, name: str, importer: str) -> Sequence[str]:
        """The project's files that an import loads; none where it is somebody else's."""
        dots = len(name) - len(name.lstrip("."))
        if not dots:
            return self._named(name.replace(":", "."))
        folder = importer.split("/")[:-dots]
        rest = name[dots:].replace(":", ".").split(".") if name[dots:] else []
        place = "/".join([*folder, *(part for part in rest if part)])
        return [path for path in (f"{place}.py", f"{place}/__init__.py") if path in self._paths]

    def _named(self, name: str) -> list[str]:
        """The files behind a dotted name, those of the packages around it first."""
        found = self._files.get(name)
        if found is None:
            return []
        parents = [name.rpartition(".")[0]] if "." in name else []
        around = [file for parent in parents for file in self._named(parent)]
        return [*around, *found]


def _top(name: str) -> str:
    return re.split("[.:]", name, maxsplit=1)[0]


def _ends(tail: str, path: str) -> bool:
    return path == tail or path.endswith(f"/{tail}")


def _server_patches(paths: frozenset[str], read: Read, argv: Sequence[str]) -> bool:
    """Whether gunicorn's configuration names a worker that patches."""
    if not any(known_server(word) == "gunicorn" for word in argv):
        return False
    named = {posixpath.basename(word.rpartition("=")[2].rpartition(":")[2]) for word in argv}
    files = (path for path in paths if posixpath.basename(path) in named | {"gunicorn.conf.py"})
    return any(_PATCHES_FIRST.search(read(path) or "") for path in files)


def _imports(text: str) -> Iterator[str]:
    """What a module imports while it is loaded, as `preload_modules` writes it; relative names with dots."""
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
            yield from (f"{base}:{alias.name}" for alias in node.names if alias.name != "*")


def _at_load(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are carried out while a module is loaded, as far as one can tell."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _at_load(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _at_load(getattr(node, name, ()))
        for branch in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _at_load(branch.body)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"
