"""The text of a Dockerfile and of a .dockerignore. Pure."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from devbox.generate.dependencies import ARCHIVES
from devbox.generate.values import Dependencies, Found, Manager
from devbox.healthcheck import health_command

_VENV = "/opt/venv"
_HOME = "/app"
_PLAIN = re.compile(r"[\w./:+@%,=-]+")
_SPECIAL = re.compile(r"[\\\"$]")

_TOOL_CACHE = "--mount=type=cache,target=/root/.cache/pip"
_CACHES: Mapping[Manager, str] = {
    "pip": _TOOL_CACHE,
    "uv": "--mount=type=cache,target=/root/.cache/uv",
    "poetry": "--mount=type=cache,target=/root/.cache/pypoetry",
    "pdm": "--mount=type=cache,target=/root/.cache/pdm",
    "pipenv": _TOOL_CACHE,
}
_ENVIRONMENT: Mapping[Manager, tuple[str, ...]] = {
    "pip": (),
    "uv": (
        f"UV_PROJECT_ENVIRONMENT={_VENV}",
        "UV_COMPILE_BYTECODE=1",
        "UV_LINK_MODE=copy",
        "UV_PYTHON_DOWNLOADS=never",
        "UV_SYSTEM_CERTS=1",
    ),
    "poetry": (
        "POETRY_NO_INTERACTION=1",
        "POETRY_CACHE_DIR=/root/.cache/pypoetry",
        "REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt",
    ),
    "pdm": ("PDM_CHECK_UPDATE=false",),
    "pipenv": ("PIPENV_VERBOSITY=-1", "PIPENV_NOSPIN=1"),
}
_TOOLS: Mapping[Manager, str] = {
    "uv": "uv",
    "poetry": "poetry",
    # pdm 2.29 takes a hishel with which it does not run.
    "pdm": 'pdm "hishel<2"',
    "pipenv": "pipenv",
}
# Without the project itself, whose source is not there yet and changes with every save.
_LOCKED: Mapping[Manager, str] = {
    "uv": "uv sync --frozen --no-dev --no-install-project",
    "poetry": "poetry install --only main --no-root --compile",
    "pdm": f"pdm sync --prod --no-self && python -m compileall -q {_VENV}",
    "pipenv": "pipenv install --deploy",
}
_UNLOCKED: Mapping[Manager, str] = {
    "uv": "uv sync --no-dev --no-install-project",
    "poetry": "poetry install --only main --no-root --compile",
    "pdm": f"pdm install --prod --no-self && python -m compileall -q {_VENV}",
    "pipenv": "pipenv install --skip-lock",
}

DOCKERIGNORE = """\
# What is no part of the application stays out of the image, and a change of it builds nothing.
.git
.gitignore
.github
.vscode
.idea

# Secrets belong into the container's environment.
**/.env
**/.env.*

# Virtual environments, whatever they are called; what Python and its tools leave behind.
**/.venv
**/venv
**/site-packages
**/__pycache__
**/*.py[cod]
**/*.egg-info
**/.pytest_cache
**/.mypy_cache
**/.ruff_cache
**/.hypothesis
**/.tox
**/.nox
**/.coverage
**/.coverage.*
**/htmlcov
**/.ipynb_checkpoints
**/node_modules
**/.DS_Store
**/*.log
/build
/dist

Dockerfile
.dockerignore
compose*.yaml
compose*.yml
docker-compose*.yaml
docker-compose*.yml
devbox.toml
*.md
"""


def with_rules(ignored: str, rules: str) -> str:
    """An ignore file with those rules at its end that it does not hold already; where it is empty, all of
    them, with what is said about them. What it keeps in by a "!" stays in."""
    if not ignored.strip():
        return rules
    held = [line.strip() for line in ignored.splitlines()]
    known = set(held)
    missing = [line for line in rules.splitlines() if line and not line.startswith("#") and line not in known]
    # The last rule that matches counts.
    kept = [line for line in dict.fromkeys(held) if line.startswith("!") and _is_hidden(line[1:], missing)]
    return "\n".join((ignored.rstrip("\n"), *missing, *kept)) + "\n" if missing else ignored


def _is_hidden(path: str, rules: Iterable[str]) -> bool:
    names = [rule.removeprefix("**/").strip("/") for rule in rules]
    return any(fnmatchcase(part, name) for part in path.strip("/").split("/") for name in names)


def dockerfile(found: Found) -> str:
    """The Dockerfile: a change of the source runs nothing again but its last COPY."""
    return "\n".join((*_builder(found), "", *_final(found))) + "\n"


def _builder(found: Found) -> Iterator[str]:
    dependencies = found.dependencies
    manager = dependencies.manager
    yield f"FROM python:{found.python.text}-slim AS builder"
    yield f"WORKDIR {_HOME}"
    yield _env("PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_ROOT_USER_ACTION=ignore", *_ENVIRONMENT[manager])
    if dependencies.git:
        yield "RUN apt-get update \\"
        yield "    && apt-get install -y --no-install-recommends git \\"
        yield "    && rm -rf /var/lib/apt/lists/*"
    if manager != "pip":
        yield f"RUN {_TOOL_CACHE} pip install {_TOOLS[manager]}"
    if manager != "uv":
        yield f"RUN python -m venv --without-pip {_VENV}"
        yield _env(f"VIRTUAL_ENV={_VENV}", f"PATH={_VENV}/bin:$PATH")
    yield ""
    needed = (*dependencies.files, *dependencies.local)
    yield f"# Runs again only when {_listed(needed)} changes; downloads are kept between builds."
    yield from _copies(dependencies.files)
    yield from _local_copies(dependencies.local)
    yield f"RUN {_CACHES[manager]} {_install(dependencies)}"


def _install(dependencies: Dependencies) -> str:
    if dependencies.manager == "pip":
        return f"pip --python {_VENV}/bin/python install -r {dependencies.manifest}"
    command = (_LOCKED if dependencies.lock else _UNLOCKED)[dependencies.manager]
    return command.replace("-project", "-workspace") if dependencies.workspace else command


def _final(found: Found) -> Iterator[str]:
    app, command, port = found.app, found.command, found.options.port
    yield f"FROM python:{found.python.text}-slim"
    path = (f"PYTHONPATH={_value(posixpath.join(_HOME, app.root))}",) if app.root else ()
    yield _env(f"PATH={_VENV}/bin:$PATH", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", *path)
    if found.options.proxy_headers:
        yield "# Whose headers are believed: name your proxy's address where others can reach the container."
        yield _env('FORWARDED_ALLOW_IPS="*"')
    folders = found.options.folders
    # Docker gives a new volume the owner of the folder that it is mounted over.
    volumes = ", and into those of its volumes" if folders else ""
    yield f"# The application may write into its folder{volumes}, and changes nothing of its own code."
    owned = shlex.join((_HOME, *folders))
    yield f"RUN useradd --uid 1000 --create-home app && install --directory --owner=app --group=app {owned}"
    yield f"WORKDIR {_HOME}"
    yield f"COPY --from=builder {_VENV} {_VENV}"
    yield ""
    yield "# Runs again with every save, so it comes last."
    yield "COPY . ."
    yield ""
    yield "USER 1000:1000"
    yield f"EXPOSE {port}"
    check = _exec_form(health_command(port, found.health_path))
    yield "HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \\"
    yield f"    CMD {check}"
    if command.stop_signal:
        yield f"STOPSIGNAL {command.stop_signal}"
    yield f"CMD {_exec_form(command.words)}"


def _env(*settings: str) -> str:
    return "ENV " + " \\\n    ".join(settings)


def _value(text: str) -> str:
    """A value as ENV takes it whole."""
    if _PLAIN.fullmatch(text):
        return text
    return '"' + _SPECIAL.sub(r"\\\g<0>", text) + '"'


def _exec_form(words: Iterable[str]) -> str:
    return json.dumps(list(words))


def _copies(files: tuple[str, ...]) -> Iterator[str]:
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(posixpath.dirname(file), []).append(file)
    for folder, inside in folders.items():
        yield _copy(inside, f"./{folder}{'/' if folder else ''}")


def _local_copies(paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        folder = posixpath.dirname(path) if path.endswith(ARCHIVES) else path
        yield _copy([path], f"./{folder}{'/' if folder else ''}")


def _copy(paths: Sequence[str], target: str) -> str:
    words = [*paths, target]
    return f"COPY {' '.join(words) if all(map(_PLAIN.fullmatch, words)) else _exec_form(words)}"


def _listed(files: tuple[str, ...]) -> str:
    *others, last = files
    return f"{', '.join(others)} or {last}" if others else last
