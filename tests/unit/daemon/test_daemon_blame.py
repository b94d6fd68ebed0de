"""Where in the project a failure comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.dockerfile import parse
from devbox.config import load
from devbox.daemon.blame import at_start, of_exit, of_log, problems
from devbox.daemon.places import Places
from devbox.daemon.settingplace import setting_line
from devbox.daemon.work import Source
from devbox.errors import (
    BuildFailed,
    ConfigError,
    ContextError,
    DevboxError,
    DockerfileError,
    EngineUnreachable,
    PortTaken,
    PullFailed,
    StartFailed,
)
from devbox.events import Problem
from devbox.model import Entry, Kind, Snapshot

DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /code
COPY requirements.txt .
RUN pip install \\
    -r requirements.txt
COPY app app
HEALTHCHECK CMD true
EXPOSE 8000
CMD ["uvicorn", "app.main:app"]
"""
FILES = {
    "requirements.txt": "fastapi\nhttpxx\n",
    "app/main.py": "import json\n\n\ndef load():\n    return json.loads('[')\n",
    "Dockerfile": DOCKERFILE,
}
PIP = "RUN pip install -r requirements.txt"
BUG = (
    "Traceback (most recent call last):",
    '  File "{0}", line 5, in load',
    "    return json.loads('[')",
    "           ~~~~~~~~~~^^^^^",
    '  File "/usr/lib/python3.13/json/decoder.py", line 3, in decode',
    "json.decoder.JSONDecodeError: no",
)
FOUND = Problem(file="app/main.py", line=5, column=12, message="json.decoder.JSONDecodeError: no")


def places(tmp_path: Path, dockerfile: str = DOCKERFILE, settings: str = "", **flags: object) -> Places:
    files = {**FILES, "Dockerfile": dockerfile, "devbox.toml": settings}
    (tmp_path / "devbox.toml").write_text(settings)
    entries = {name: Entry(Kind.FILE, 0o644, name, 1) for name in files}
    entries["app"] = Entry(Kind.DIRECTORY, 0o755, "", 0)
    config = load(tmp_path, flags, {})
    content = dockerfile.encode()
    source = Source(config, Snapshot(entries, "1"), parse(dockerfile), content, "Dockerfile", "1", 0.0)
    return Places(source, files.get)


def log(path: str = "/code/app/main.py") -> tuple[str, ...]:
    return tuple(line.format(path) for line in BUG)


def spot(found: tuple[Problem, ...]) -> list[tuple[str, int, int]]:
    return [(each.file, each.line, each.column) for each in found]


def test_the_innermost_line_of_ones_own(tmp_path: Path) -> None:
    assert of_log(log(), places(tmp_path)) == (FOUND,)


def test_a_folder_that_is_mounted_over_the_code(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    mounted = places(tmp_path, settings='volumes = ["./app:/srv/live", "data:/code/app"]\n')
    assert of_log(log("/srv/live/main.py"), mounted) == (FOUND,)
    assert of_log(log("/code/app/main.py"), mounted) == ()


def test_the_working_directory_of_the_base_image(tmp_path: Path) -> None:
    relative = DOCKERFILE.replace("WORKDIR /code\n", "")
    assert of_log(log("/usr/src/app/main.py"), places(tmp_path, relative)) == (FOUND,)
    assert of_log(log("/usr/lib/python3/site-packages/app/main.py"), places(tmp_path, relative)) == ()


def test_a_project_whose_context_is_another_folder(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    inside = places(tmp_path, settings='context = "src"\n')
    assert inside.of_container("/code/app/main.py") == "src/app/main.py"


@pytest.mark.parametrize(
    ("error", "spots"),
    [
        (BuildFailed(PIP, step=PIP, exit_status=1, log=("ERROR: No matching distribution found for httpxx",)),
         [("requirements.txt", 2, 1)]),
        (BuildFailed(PIP, step=PIP, exit_status=1, log=("killed",)), [("Dockerfile", 4, 0)]),
        (BuildFailed("COPY app app", step="COPY app app", cause='"/app" not found'), [("Dockerfile", 6, 6)]),
        (BuildFailed("the build", cause="dockerfile parse error line 3: bad"), [("Dockerfile", 3, 0)]),
        (BuildFailed("RUN unknown", step="RUN unknown", cause="x"), [("Dockerfile", 1, 0)]),
        (PullFailed("cannot pull python:3.13-slim", cause="no"), [("Dockerfile", 1, 6)]),
        (StartFailed("exited with status 1", exit_status=1, log=log()), [("app/main.py", 5, 12)]),
        (StartFailed("exited with status 1", exit_status=1, log=("bye",)), [("Dockerfile", 9, 0)]),
        (StartFailed("cannot start", cause="exec: uvicorn: not found"), [("Dockerfile", 9, 0)]),
        (StartFailed("was not ready", cause="HEALTHCHECK ended with status 1: "), [("Dockerfile", 7, 0)]),
        (StartFailed("x", cause="the application listens on port 1, not on 8000"), [("Dockerfile", 8, 0)]),
        (StartFailed("was not ready", cause="GET / answered 500", log=log()), [("app/main.py", 5, 12)]),
        (PortTaken("port 1 is taken"), [("Dockerfile", 8, 0)]),
        (ContextError("x is no file", path="app/x"), [("app/x", 1, 0)]),
        (DockerfileError("no", path="Dockerfile", line=4), [("Dockerfile", 4, 0)]),
        (EngineUnreachable("gone"), []),
    ],
    ids=lambda value: value.what if isinstance(value, DevboxError) else "",
)  # fmt: skip
def test_where_an_error_comes_from(
    tmp_path: Path, error: DevboxError, spots: list[tuple[str, int, int]]
) -> None:
    assert spot(problems(error, places(tmp_path))) == spots


def test_what_stands_in_the_settings(tmp_path: Path) -> None:
    settings = '# mine\nhealth_path = "/health"\nports = ["8000:8000"]\n'
    known = places(tmp_path, settings=settings)
    assert spot(problems(PortTaken("port 8000 is taken"), known)) == [("devbox.toml", 3, 0)]
    failed = StartFailed("was not ready", cause="GET /health answered 404")
    assert spot(problems(failed, known)) == [("devbox.toml", 2, 0)]


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    text = {
        "devbox.toml": "a = 1\nwarm = 3\n",
        "pyproject.toml": "[tool.x]\nwarm = 1\n[tool.devbox]\nwarm = 3\n",
    }

    def lines(told: str) -> list[tuple[str, int, int]]:
        return spot(at_start(ConfigError(told), None, text.get))

    assert lines("devbox.toml: setting 'warm' is wrong") == [("devbox.toml", 2, 0)]
    assert lines("pyproject.toml: setting 'warm' is wrong") == [("pyproject.toml", 4, 0)]
    assert lines("devbox.toml cannot be read: no (at line 1, column 3)") == [("devbox.toml", 1, 3)]
    assert lines("the folder x is not there") == []


def test_a_table_of_the_settings() -> None:
    text = "[secrets]\n[environment]\nA = 1\nB = 2\n[secrets.token]\nsrc = 'x'\n"
    assert setting_line(text, "devbox.toml", "environment") == 2
    assert setting_line(text, "devbox.toml", "environment.B") == 4
    assert setting_line(text, "devbox.toml", "environment.C") == 2
    assert setting_line(text, "devbox.toml", "A") == 0


def test_what_a_server_does_not_find(tmp_path: Path) -> None:
    known = places(tmp_path)
    attribute = 'ERROR:    Error loading ASGI app. Attribute "app" not found in module "app.main".'
    assert of_exit("exited", (attribute,), known) == (
        Problem(file="app/main.py", line=1, message='Attribute "app" not found in module "app.main"'),
    )
    module = 'ERROR:    Error loading ASGI app. Could not import module "app.mian".'
    assert of_exit("exited", (module,), known) == (
        Problem(file="Dockerfile", line=9, message='Could not import module "app.mian"'),
    )


LINES = st.lists(st.sampled_from(log()) | st.text(max_size=30), max_size=15).map(tuple)
WORDS = st.sampled_from([PIP, "COPY app app", "", "GET /", "HEALTHCHECK x", "the application listens on"])
ERRORS = st.one_of(
    st.builds(BuildFailed, WORDS, step=WORDS, log=LINES, cause=WORDS | st.text(max_size=20)),
    st.builds(StartFailed, WORDS, exit_status=st.none() | st.integers(0, 255), log=LINES, cause=WORDS),
    st.builds(PullFailed, st.text(max_size=20)),
    st.builds(ConfigError, st.text(max_size=20) | st.just("devbox.toml: setting ''")),
)


@given(error=ERRORS)
def test_any_failure_has_places_that_can_be_shown(
    tmp_path_factory: pytest.TempPathFactory, error: DevboxError
) -> None:
    known = places(tmp_path_factory.mktemp("p"))
    for problem in problems(error, known):
        assert problem.file
        assert problem.line >= 1
        assert problem.column >= 0
        assert len(problem.message.splitlines()) <= 1
