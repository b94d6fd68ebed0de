"""Projects as people have them, each without a Dockerfile; and the locks of their package managers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devbox.generate.values import Framework, Manager
from tests.engine.conftest import BASE

# The same for all of them, so that a package manager installs once: its layer is cached for the others.
DEPENDENCIES = ("fastapi", "flask", "gunicorn", "uvicorn")

_FASTAPI = """\
from fastapi import {imported}

app = {made}


@app.get("/")
def index():
    return {{"said": "{text}"}}


@app.get("/health")
def health():
    return {{}}
"""
_FLASK = """\
from flask import {imported}

app = {made}


@app.get("/")
def index():
    return {{"said": "{text}"}}


@app.get("/health")
def health():
    return {{}}
"""
# Poetry asks for what not every index has, unless it is told to ask as pip does.
_ASK_AS_PIP = """
[[tool.poetry.source]]
name = "simple"
url = "{index}/"
priority = "primary"
"""


@dataclass(frozen=True)
class Project:
    """One kind of project; `serves` begins the command that it is to be run with."""

    framework: Framework
    layout: str
    manager: Manager
    serves: str
    requirements: Sequence[str] = DEPENDENCIES
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The file to edit."""
        return {"package": "shop/routes.py", "single": "main.py", "src": "src/shop/routes.py"}[self.layout]

    def files(self, text: str, lock: str) -> Mapping[str, str]:
        """Everything in its folder, with `lock` as what its package manager wrote."""
        return {**self._sources(text), **manifest(self.manager, self.requirements, lock)}

    def _sources(self, text: str) -> Mapping[str, str]:
        whole = _FASTAPI if self.framework == "FastAPI" else _FLASK
        if self.layout == "single":
            made = "FastAPI()" if self.framework == "FastAPI" else "Flask(__name__)"
            return {self.source: whole.format(imported=self.framework, made=made, text=text)}
        router, include, made = (
            ("APIRouter", "include_router", "APIRouter()")
            if self.framework == "FastAPI"
            else ("Blueprint", "register_blueprint", 'Blueprint("routes", __name__)')
        )
        argument = "" if self.framework == "FastAPI" else "__name__"
        folder = self.source.rpartition("/")[0]
        routes = whole.format(imported=router, made=made, text=text)
        imported = f"from {self.framework.lower()} import {self.framework}\n"
        opening = f"{imported}\nfrom shop.routes import app as routes\n"
        if self.layout == "src":
            body = f"    app = {self.framework}({argument})\n    app.{include}(routes)\n    return app\n"
            main = f"{opening}\n\ndef create_app():\n{body}"
        else:
            main = f"{opening}\napp = {self.framework}({argument})\napp.{include}(routes)\n"
        return {f"{folder}/__init__.py": "", f"{folder}/main.py": main, self.source: routes}


def write(root: Path, files: Mapping[str, str]) -> None:
    """Puts the files into the folder."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def manifest(manager: Manager, requirements: Sequence[str], lock: str = "") -> Mapping[str, str]:
    """The files that name dependencies for a package manager."""
    if manager == "pip":
        return {"requirements.txt": "".join(f"{one}\n" for one in requirements)}
    locked = {lock_name(manager): lock} if lock else {}
    if manager == "pipenv":
        lines = "".join(f'{one} = "*"\n' for one in requirements)
        return {"Pipfile": f'[requires]\npython_version = "3.13"\n\n[packages]\n{lines}', **locked}
    listed = "".join(f'  "{one}",\n' for one in requirements)
    head = '[project]\nname = "shop"\nversion = "1"\nrequires-python = "==3.13.*"\n'
    source = _ASK_AS_PIP.format(index=_pips_index()) if manager == "poetry" else ""
    return {"pyproject.toml": f"{head}dependencies = [\n{listed}]\n{source}", **locked}


def lock_name(manager: Manager) -> str:
    """The file that a package manager writes its lock into."""
    return "Pipfile.lock" if manager == "pipenv" else f"{manager}.lock"


def locking(manager: Manager) -> str:
    """A Dockerfile whose image has the lock in its working directory."""
    tool = 'pdm "hishel<2"' if manager == "pdm" else manager
    return f"""\
FROM {BASE}
WORKDIR /lock
ENV UV_SYSTEM_CERTS=1 REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore
RUN --mount=type=cache,target=/root/.cache/pip pip install {tool}
COPY . .
RUN {manager} lock
"""


def _pips_index() -> str:
    from pip._internal.models.index import PyPI

    return PyPI.simple_url


_MANAGERS: tuple[Manager, ...] = ("pip", "uv", "poetry")
_SERVERS: tuple[tuple[Framework, str], ...] = (("FastAPI", "uvicorn"), ("Flask", "gunicorn"))

VARIANTS = {
    **{
        f"{framework} {layout} {manager}": Project(framework, layout, manager, server)
        for framework, server in _SERVERS
        for layout in ("package", "single")
        for manager in _MANAGERS
    },
    "FastAPI src pdm": Project("FastAPI", "src", "pdm", "uvicorn"),
    "Flask src pipenv": Project("Flask", "src", "pipenv", "gunicorn"),
}
SERVERS = {
    "fastapi run": Project("FastAPI", "package", "pip", "fastapi", ("fastapi[standard]",)),
    "hypercorn": Project("FastAPI", "single", "pip", "hypercorn", ("fastapi", "hypercorn")),
    "granian": Project("FastAPI", "single", "pip", "granian", ("fastapi", "granian")),
    "granian for Flask": Project("Flask", "src", "pip", "granian", ("flask", "granian")),
    "waitress": Project("Flask", "src", "pip", "waitress-serve", ("flask", "waitress")),
    "flask run": Project("Flask", "src", "pip", "flask", ("flask",)),
}
ASKED_FOR = {
    name: Project(
        one.framework,
        one.layout,
        one.manager,
        one.serves,
        one.requirements,
        {"port": 80, "workers": 2, "proxy_headers": True},
    )
    for name, one in {**SERVERS, "uvicorn": VARIANTS["FastAPI src pdm"]}.items()
    if name in ("fastapi run", "waitress", "uvicorn")
}
