"""A small project, what can go wrong with it, and what VS Code is to list then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vscode.matching import Listed

PROJECT = "vscode-recording"
BUSY_PORT = 47113

_DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /code
ENV UV_SYSTEM_CERTS=1
RUN pip install uv
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY app app
EXPOSE 8000
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]
"""
_MAIN = """\
import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.store import load


@asynccontextmanager
async def lifespan(app):
    app.state.items = load()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def root():
    return {"items": app.state.items}
"""
_STORE = """\
import json


def load():
    return json.loads('["tea"]')
"""


def write_project(folder: Path, project: str = PROJECT) -> None:
    """The project while all is well."""
    (folder / "app").mkdir(parents=True, exist_ok=True)
    files = {
        "Dockerfile": _DOCKERFILE,
        "requirements.txt": "fastapi>=0.115,<1\nuvicorn>=0.34,<1\n",
        "devbox.toml": f'project = "{project}"\nports = ["0:8000"]\n',
        ".dockerignore": ".vscode\ndevbox.toml\n",
        "app/__init__.py": "",
        "app/main.py": _MAIN,
        "app/store.py": _STORE,
    }
    for name, text in files.items():
        (folder / name).write_text(text)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that goes wrong: `change` makes it so, `listed` is what VS Code shows then.

    With `at_start` devbox does not even begin; `ends` begins the line by which it is known.
    """

    name: str
    change: Callable[[Path], None]
    listed: Listed
    at_start: bool = False
    ends: str = "devbox: revision 2 failed to start"


def replaced(name: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    """Puts another text in the place of a part of a file."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (folder / name).write_text(text)

    return change


def appended(name: str, text: str) -> Callable[[Path], None]:
    """Puts a text at the end of a file."""

    def change(folder: Path) -> None:
        (folder / name).write_text((folder / name).read_text() + text)

    return change


def error(file: str, line: int, column: int, message: str) -> Listed:
    """One error in the list."""
    return ((file, line, column, "error", message),)


_LOAD = """return json.loads('["tea"]')"""
_CONFLICT = "conflicting dependencies: fastapi>=0.115,<1 and starlette==0.27.0"
_BUILD = "devbox: build 2 failed"
_CHAINED = """try:
        return {}["tea"]
    except KeyError as error:
        raise RuntimeError("no such table") from error"""
_GROUP = """async with asyncio.TaskGroup() as group:
        group.create_task(connect())
    app.state.items = load()
    yield


async def connect():
    raise ConnectionError("no database")


def unused():
"""
_THREAD = """

import threading


def refresh():
    app.state.items.extend(load()["more"])


threading.Timer(2, refresh).start()
"""
_LATER = """

import os, sys, threading


def end():
    print("the disk is gone", file=sys.stderr, flush=True)
    os._exit(3)


threading.Timer(2, end).start()
"""

FAILURES: tuple[Failure, ...] = (
    Failure(
        "syntax_error",
        replaced("app/main.py", ("async def root():", "async def root(:")),
        error("app/main.py", 19, 16, "SyntaxError: invalid syntax"),
    ),
    Failure(
        "indentation_error",
        replaced("app/main.py", ("    return {", "return {")),
        error(
            "app/main.py",
            20,
            1,
            "IndentationError: expected an indented block after function definition on line 19",
        ),
    ),
    Failure(
        "missing_package",
        replaced("app/store.py", ("import json\n", "import jsonn\n")),
        error("app/store.py", 1, 0, "ModuleNotFoundError: No module named 'jsonn'"),
    ),
    Failure(
        "wrong_import",
        replaced("app/main.py", ("import load\n", "import lead\n")),
        error(
            "app/main.py",
            6,
            0,
            "ImportError: cannot import name 'lead' from 'app.store' (/code/app/store.py)",
        ),
    ),
    Failure(
        "unknown_name",
        replaced("app/main.py", ("lifespan=lifespan", "lifespan=lifespam")),
        error("app/main.py", 15, 24, "NameError: name 'lifespam' is not defined. Did you mean: 'lifespan'?"),
    ),
    Failure(
        "lifespan_exception",
        replaced("app/store.py", (_LOAD, 'raise RuntimeError("no database")')),
        error("app/store.py", 5, 0, "RuntimeError: no database"),
    ),
    Failure(
        "exception_in_a_library",
        replaced("app/store.py", (_LOAD, """return json.loads('["tea"')""")),
        error(
            "app/store.py",
            5,
            12,
            "json.decoder.JSONDecodeError: Expecting ',' delimiter: line 1 column 7 (char 6)",
        ),
    ),
    Failure(
        "chained_exception",
        replaced("app/store.py", (_LOAD, _CHAINED)),
        error("app/store.py", 8, 0, "RuntimeError: no such table"),
    ),
    Failure(
        "exception_group",
        replaced("app/main.py", ("app.state.items = load()\n    yield\n", _GROUP + "    return None\n")),
        error("app/main.py", 18, 0, "ConnectionError: no database"),
    ),
    Failure(
        "no_application",
        replaced("app/main.py", ("app = FastAPI", "api = FastAPI"), ("@app.get", "@api.get")),
        error("app/main.py", 1, 0, 'Attribute "app" not found in module "app.main"'),
    ),
    Failure(
        "exits_with_a_word",
        replaced("app/store.py", ("import json\n", 'raise SystemExit("SECRET is not set")\n')),
        error("Dockerfile", 9, 0, "exited with status 1: SECRET is not set"),
    ),
    Failure(
        "exits_later",
        appended("app/main.py", _LATER),
        error("Dockerfile", 9, 0, "revision 2 exited with status 3: the disk is gone"),
        ends="devbox: revision 2 exited",
    ),
    Failure(
        "exception_while_it_serves",
        appended("app/main.py", _THREAD),
        error("app/main.py", 27, 28, "TypeError: list indices must be integers or slices, not str"),
        ends="devbox: problem",
    ),
    Failure(
        "out_of_reach",
        replaced("Dockerfile", ('"--host", "0.0.0.0"', '"--host", "127.0.0.1"')),
        error(
            "Dockerfile",
            9,
            0,
            "is not reachable: the application listens on 127.0.0.1:8000 inside the container, "
            "out of reach from outside",
        ),
    ),
    Failure(
        "not_well",
        appended("devbox.toml", 'health_path = "/health"\nstart_timeout = 2\n'),
        error("devbox.toml", 3, 0, "was not ready within 2s: GET /health answered 404"),
    ),
    Failure(
        "pip_unknown_package",
        appended("requirements.txt", "\n# what we send\nhttpxx>=1\n"),
        error("requirements.txt", 5, 1, "No matching distribution found for httpxx>=1"),
        ends=_BUILD,
    ),
    Failure(
        "pip_conflict",
        appended("requirements.txt", "starlette==0.27.0\n"),
        (
            *error("requirements.txt", 1, 1, _CONFLICT),
            *error("requirements.txt", 3, 1, _CONFLICT),
        ),
        ends=_BUILD,
    ),
    Failure(
        "pip_wrong_hash",
        replaced(
            "requirements.txt",
            ("fastapi>=0.115,<1\nuvicorn>=0.34,<1\n", f"click==8.1.7 --hash=sha256:{'0' * 64}\n"),
        ),
        error("requirements.txt", 1, 1, "click==8.1.7 does not match its hash"),
        ends=_BUILD,
    ),
    Failure(
        "pip_unreadable_line",
        appended("requirements.txt", "httpx=>1\n"),
        error(
            "requirements.txt",
            3,
            1,
            "Invalid requirement: 'httpx=>1': Expected end or semicolon "
            "(after name and no valid version specifier)",
        ),
        ends=_BUILD,
    ),
    Failure(
        "uv_unknown_package",
        lambda folder: (
            replaced("Dockerfile", ("RUN pip install -r", "RUN uv pip install --system -r"))(folder),
            appended("requirements.txt", "httpxx>=1\n")(folder),
        )[0],
        error(
            "requirements.txt",
            3,
            1,
            "only httpxx<=0.1.2 is available and you require httpxx>=1",
        ),
        ends=_BUILD,
    ),
    Failure(
        "dockerfile_error",
        replaced("Dockerfile", ("COPY app app", "COPPY app app")),
        error("Dockerfile", 7, 0, "unknown instruction: COPPY (did you mean COPY?)"),
        ends=_BUILD,
    ),
    Failure(
        "bad_copy",
        replaced("Dockerfile", ("COPY app app", "COPY app apps/templates ./")),
        error("Dockerfile", 7, 10, '"/apps/templates" not found'),
        ends=_BUILD,
    ),
    Failure(
        "failing_run",
        replaced(
            "Dockerfile", ("COPY app app\n", "COPY app app\nRUN echo checking && \\\n    ls /nowhere\n")
        ),
        error("Dockerfile", 8, 0, "exit status 2: ls: cannot access '/nowhere': No such file or directory"),
        ends=_BUILD,
    ),
    Failure(
        "exception_in_the_build",
        lambda folder: (
            replaced("Dockerfile", ("COPY app app\n", "COPY app app\nRUN python -m app.store\n"))(folder),
            appended("app/store.py", "\n\nprint(load()[1])\n")(folder),
        )[0],
        error("app/store.py", 8, 7, "IndexError: list index out of range"),
        ends=_BUILD,
    ),
    Failure(
        "port_in_use",
        replaced("devbox.toml", ("0:8000", f"{BUSY_PORT}:8000")),
        error(
            "devbox.toml",
            2,
            0,
            f"port 127.0.0.1:{BUSY_PORT} is taken: python (pid 4242) listens on it",
        ),
        at_start=True,
        ends="devbox: port",
    ),
    Failure(
        "unknown_setting",
        replaced("devbox.toml", ("ports =", "prots =")),
        error("devbox.toml", 2, 0, "unknown setting 'prots' (did you mean 'ports'?)"),
        at_start=True,
        ends="devbox: devbox.toml",
    ),
    Failure(
        "broken_settings",
        appended("devbox.toml", "volumes = [\n"),
        error("devbox.toml", 3, 0, "devbox.toml cannot be read: Invalid value (at end of document)"),
        at_start=True,
        ends="devbox: devbox.toml",
    ),
    Failure(
        "dockerfile_error_at_start",
        replaced("Dockerfile", ("EXPOSE 8000", "EXPOSE eight")),
        error(
            "Dockerfile",
            8,
            0,
            "EXPOSE: 'eight' is no port (as in EXPOSE 8000, EXPOSE 8000-8010 or EXPOSE 53/udp)",
        ),
        at_start=True,
        ends="devbox: Dockerfile",
    ),
)
