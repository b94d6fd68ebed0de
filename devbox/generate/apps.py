"""The application of a project: found by its syntax, and of several the best one, with the reason. Pure."""

from __future__ import annotations

import keyword
import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devbox.generate.modules import resolved
from devbox.generate.names import Names, module_parts
from devbox.generate.values import App, Folder, Framework, Module, Served

_NAMES = ("app", "application", "api", "server", "create_app", "make_app", "get_app", "build_app")
_STEMS = ("main", "app", "asgi", "wsgi", "server", "application", "api", "run", "__init__")
_HANDS_ON = frozenset({"asgi", "wsgi"})
_ASIDE = frozenset(
    {"test", "tests", "testing", "doc", "docs", "docs_src", "example", "examples", "sample", "samples"}
    | {"script", "scripts", "tool", "tools", "bench", "benchmarks", "migrations", "alembic", "notebooks"}
)
_ASIDE_FILES = frozenset({"conftest", "setup", "noxfile", "tasks", "fabfile"})


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something that could be served; `home` is where its routes stand."""

    module: Module
    served: Served
    home: Module

    @property
    def target(self) -> tuple[str, str]:
        return self.module.path, self.served.name


def find_app(folder: Folder, dependencies: frozenset[str]) -> App | None:
    """The application to serve, None where the source holds none.

    `dependencies` are the names that the project asks for: an application of a framework that is not among
    them comes after others.
    """
    names = Names(folder.modules)
    found = [one for one in _candidates(names) if _possible_roots(one.module.path)]
    if not found:
        return None
    ranking = _Ranking(names, _entrypoint(folder), dependencies)
    best, *others = sorted(found, key=ranking.key)
    root = import_root(names, best.module.path)
    return App(
        framework=best.served.framework,
        path=best.module.path,
        line=best.served.line,
        module=_dotted_below(root, best.module.path),
        name=best.served.name,
        factory=best.served.factory,
        root=root,
        package=_root_by_packages(best.module.path, folder.modules) == root,
        reason=ranking.reason(best, others[0]) if others else "",
    )


def _candidates(names: Names) -> Iterator[_Candidate]:
    for module in names.modules.values():
        for served in module.served:
            if not served.takes:
                yield _Candidate(module, served, module)
        for name, (called, line) in module.calls.items():
            made = _made(names, module, called)
            if made is not None:
                yield _Candidate(module, Served(name, made[1].framework, line), made[0])
        if _stem(module.path) in _HANDS_ON:
            known = {served.name for served in module.served} | module.calls.keys()
            for name, origin in module.imports.items():
                handed = names.served(origin, module.path) if name not in known else None
                if handed is not None and not handed[1].factory:
                    yield _Candidate(module, Served(name, handed[1].framework, handed[1].line), handed[0])


def _made(names: Names, module: Module, called: str) -> tuple[Module, Served] | None:
    """The factory that a call at top level calls."""
    own = next((served for served in module.served if served.name == called), None)
    found = (module, own) if own else names.served(resolved(called, module.imports), module.path)
    return found if found is not None and found[1].factory else None


class _Ranking:
    """Which of several candidates is the application, by one question after the other."""

    def __init__(self, names: Names, entrypoint: str, dependencies: frozenset[str]) -> None:
        self._names, self._entrypoint, self._dependencies = names, entrypoint, dependencies
        self._mounted = {
            (meant[0].path, meant[1].name)
            for owner in names.modules.values()
            for name in owner.mounted
            if (meant := self._meant(name, owner)) is not None
        }

    def _meant(self, name: str, owner: Module) -> tuple[Module, Served] | None:
        own = next((served for served in owner.served if served.name == name), None)
        return (owner, own) if own else self._names.served(resolved(name, owner.imports), owner.path)

    def _answers(self, one: _Candidate) -> Iterator[tuple[int | str, str]]:
        """What speaks for a candidate, the weightiest first: smaller is better; and how it is said."""
        path, served = one.module.path, one.served
        dotted = ".".join(module_parts(path))
        yield int(f"{dotted}:{served.name}" != self._entrypoint), "pyproject.toml names it as entrypoint"
        yield int(not self._listed(served.framework)), f"{served.framework} is among the dependencies"
        yield int(_is_aside(path)), "the other lies beside the application"
        yield int(one.target in self._mounted), "the other is mounted into another application"
        yield int(served.factory), "it is there, the other has to be made"
        yield _place(_NAMES, served.name), "it has the more usual name"
        yield _place(_STEMS, _stem(path)), f"{posixpath.basename(path)} is the more usual file"
        yield int(served.name not in one.home.owners), "it has routes"
        yield path.count("/"), "it lies nearer to the project's folder"
        yield path, "its file comes first"
        yield served.line, "it comes first in its file"

    def key(self, one: _Candidate) -> tuple[tuple[int, str], ...]:
        """What sorts candidates, the best first."""
        return tuple(
            (answer, "") if isinstance(answer, int) else (0, answer) for answer, _ in self._answers(one)
        )

    def reason(self, best: _Candidate, second: _Candidate) -> str:
        """Why not the other one."""
        both = zip(self._answers(best), self._answers(second), strict=True)
        said = next((words for (mine, words), (other, _) in both if mine != other), "")
        return f"not {second.served.name} of {second.module.path}: {said}"

    def _listed(self, framework: Framework) -> bool:
        return framework.lower() in self._dependencies


def _entrypoint(folder: Folder) -> str:
    """The application that FastAPI's own settings name, '' for none."""
    try:
        tools = tomllib.loads(folder.texts.get("pyproject.toml", "")).get("tool", {})
        return str(tools["fastapi"]["entrypoint"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError):
        return ""


def _place(known: tuple[str, ...], name: str) -> int:
    return known.index(name) if name in known else len(known)


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".py")


def _is_aside(path: str) -> bool:
    *folders, _ = path.split("/")
    stem = _stem(path)
    tests = stem.startswith("test_") or stem.endswith("_test") or stem in _ASIDE_FILES
    return tests or not _ASIDE.isdisjoint(folders)


def import_root(names: Names, path: str) -> str:
    """The folder from which a file's own imports are found, relative to the project's, '' for that one; the
    file must have a name that can be imported."""
    folders = path.split("/")[:-1]
    by_packages = _root_by_packages(path, names.modules)

    def suits(root: str) -> tuple[int, int, int]:
        source = posixpath.basename(root) == "src" and f"{root}/__init__.py" not in names.modules
        meant = source or (root == by_packages and bool(_package(root, path, names.modules)))
        return -_imports_found(names, root, folders), int(not meant), root.count("/") + bool(root)

    return min(_possible_roots(path), key=suits)


def _possible_roots(path: str) -> list[str]:
    """The folders below which a file has a name that can be imported."""
    folders = path.split("/")[:-1]
    above = ("/".join(folders[:end]) for end in range(len(folders) + 1))
    return [root for root in above if _is_name(_dotted_below(root, path))]


def _imports_found(names: Names, root: str, folders: list[str]) -> int:
    """How many absolute imports of the files beside it a folder would answer."""
    beside = "/".join(folders)
    found = {
        origin.partition(".")[0]
        for path, module in names.modules.items()
        if posixpath.dirname(path) == beside
        for origin in module.imports.values()
        if not origin.startswith(".")
    }
    tops = {path[len(root) + bool(root) :].split("/")[0] for path in names.modules if _lies_in(path, root)}
    return sum(f"{name}.py" in tops or name in tops for name in found)


def _lies_in(path: str, root: str) -> bool:
    return not root or path.startswith(f"{root}/")


def _package(root: str, path: str, modules: Mapping[str, Module]) -> str:
    """The package right in a folder that a file belongs to, '' for none."""
    first = path[len(root) + bool(root) :].split("/")[0]
    return first if posixpath.join(root, first, "__init__.py") in modules else ""


def _root_by_packages(path: str, modules: Mapping[str, Module]) -> str:
    """The nearest folder above a file that is no package."""
    folder = posixpath.dirname(path)
    while folder and f"{folder}/__init__.py" in modules:
        folder = posixpath.dirname(folder)
    return folder


def _dotted_below(root: str, path: str) -> str:
    return ".".join(module_parts(path[len(root) + bool(root) :]))


def _is_name(dotted: str) -> bool:
    parts = dotted.split(".")
    words = all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    return words and parts != ["__init__"]
