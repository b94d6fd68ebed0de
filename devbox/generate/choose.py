"""From a folder to its Dockerfile: what is found, what is chosen, what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from devbox.errors import NotRecognised
from devbox.generate.apps import find_app
from devbox.generate.dependencies import PYPROJECT, find_dependencies
from devbox.generate.health import find_health_path
from devbox.generate.render import dockerfile
from devbox.generate.servers import choose_server, how_to_add
from devbox.generate.values import Folder, Found, Generated, Options
from devbox.generate.versions import find_python


def generate(folder: Folder, options: Options) -> Generated:
    """The Dockerfile for a folder; raises NotRecognised where it holds no application, or nothing that names
    its dependencies."""
    dependencies = find_dependencies(folder.texts)
    app = find_app(folder, dependencies.names if dependencies else frozenset())
    if app is None:
        raise NotRecognised(
            "no application was found",
            cause="no Python file binds FastAPI(), Flask() or what makes one of them to a name at top level",
            hint="write it, for instance: app = FastAPI()",
        )
    if dependencies is None:
        raise NotRecognised(
            f"nothing names what {app.target} depends on",
            cause=f"neither requirements.txt nor {PYPROJECT} nor Pipfile lists dependencies",
            hint=f"write requirements.txt: {'fastapi[standard]' if app.framework == 'FastAPI' else 'flask'}",
        )
    found = Found(
        app,
        find_python(folder.texts),
        dependencies,
        choose_server(app, dependencies, options),
        find_health_path(folder, app),
        options,
    )
    return Generated(dockerfile(found), found, tuple(_told(found)), tuple(_missing(found)))


def _told(found: Found) -> Iterator[str]:
    app, python, dependencies = found.app, found.python, found.dependencies
    what = f"{app.framework} factory" if app.factory else app.framework
    yield f"found {what} {app.target} in {app.path}:{app.line}{f' ({app.reason})' if app.reason else ''}"
    if python.origin:
        yield f"found Python {python.text} in {python.origin}"
    else:
        yield f"takes Python {python.text}, as no file asks for another"
    source = dependencies.lock or dependencies.manifest
    yield f"found dependencies in {source}: {dependencies.manager} installs them"
    if found.health_path:
        yield f"found health route {found.health_path}"
    else:
        yield "found no health route that is sure to answer: the health check asks for an open port"
    yield f"serves with {found.command.server} on port {found.options.port}"


def _missing(found: Found) -> Iterator[str]:
    framework = found.app.framework.lower()
    if framework not in found.dependencies.names:
        told = how_to_add(framework, found.dependencies)
        yield f"{framework} is not listed in {found.dependencies.manifest}: {told}"
    yield from found.dependencies.notices
    yield from found.command.notices
