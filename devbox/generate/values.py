"""What is read from a project's folder, what is found in it, and what is written for it: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Framework = Literal["FastAPI", "Flask"]
Manager = Literal["pip", "uv", "poetry", "pdm", "pipenv"]

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class Served:
    """A name of a module that an application, or a function that makes one, is bound to at top level.

    `guarded` says that all of its routes ask for something first, `takes` that a factory has to be given
    arguments.
    """

    name: str
    framework: Framework
    line: int
    factory: bool = False
    guarded: bool = False
    takes: bool = False


@dataclass(frozen=True, slots=True)
class Router:
    """A router or blueprint by its name in the module; `prefix` is None where the source does not tell."""

    name: str
    prefix: str | None


@dataclass(frozen=True, slots=True)
class Included:
    """`owner` includes the router called `what`, as written there, under `prefix`."""

    owner: str
    what: str
    prefix: str | None


@dataclass(frozen=True, slots=True)
class Module:
    """What one Python file tells about applications.

    `imports` maps a local name to where it comes from, relative ones with their dots; `calls` maps a name to
    the function whose result it is; `routes` are (owner, path) of what can be asked without anything else;
    `mounted` are names that became part of another application.
    """

    path: str
    imports: Mapping[str, str] = field(default_factory=dict)
    served: tuple[Served, ...] = ()
    calls: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    routers: tuple[Router, ...] = ()
    included: tuple[Included, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    mounted: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    checks_hosts: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A project's folder as far as it matters here: `modules` are its Python files, `texts` the small files
    that name dependencies and versions, both by paths relative to it."""

    modules: Mapping[str, Module] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """The application to serve: `module`:`name`, in the file `path`, importable with `root` ('' for the
    project's folder) on the path; `reason` says why this one, '' where there is no other."""

    framework: Framework
    path: str
    line: int
    module: str
    name: str
    factory: bool
    root: str
    package: bool
    reason: str = ""

    @property
    def target(self) -> str:
        """The application as servers name it."""
        return f"{self.module}:{self.name}"


@dataclass(frozen=True, slots=True)
class PythonVersion:
    """Major and minor version, and the file that says so, '' for the default."""

    text: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Who installs them, from which file and lock; `files` are all that it needs to have.

    `local` are folders and archives of the project that are among the dependencies.
    `names` are those that the project itself asks for, in normal form, with extras also as name[extra];
    `git` says that some come out of a repository, `workspace` that some are members of one of uv's.
    """

    manager: Manager
    manifest: str
    lock: str
    files: tuple[str, ...]
    names: frozenset[str]
    git: bool = False
    workspace: bool = False
    local: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What people may ask for; volumes are mounted over the `folders`, for the application to write to."""

    port: int = DEFAULT_PORT
    workers: int = 1
    proxy_headers: bool = False
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """What serves the application, in exec form; `stop_signal` is '' where SIGTERM is right."""

    server: str
    words: tuple[str, ...]
    stop_signal: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """All that a Dockerfile is made from."""

    app: App
    python: PythonVersion
    dependencies: Dependencies
    command: Command
    health_path: str
    options: Options


@dataclass(frozen=True, slots=True)
class Generated:
    """A project's Dockerfile, and what to tell about it: `found` in words, and `notices` of what is missing,
    each with its next step."""

    dockerfile: str
    basis: Found
    found: tuple[str, ...]
    notices: tuple[str, ...]

    def origin(self, keyword: str) -> tuple[str, int]:
        """The file and line of the project that an instruction comes from: to change it, change that."""
        app, dependencies, python = self.basis.app, self.basis.dependencies, self.basis.python
        if keyword == "FROM":
            # Where no file asks for a version, the one that may is better than a line of the application.
            return python.origin or dependencies.manifest, 1
        if keyword in ("RUN", "COPY"):
            return dependencies.manifest, 1
        return app.path, app.line
