"""Staged edits, one thing each: `devbox explain` names the very file and line.

Folders in the image are called as the project, so that no step is in the builder's cache from another run.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.apps import write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import run
from tests.vscode.record import Watched

_DOCKERFILE = """\
FROM {base} AS packages
WORKDIR /{name}
COPY requirements requirements
COPY requirements.txt pyproject.toml ./
RUN cat requirements.txt requirements/*.txt pyproject.toml > all.txt

FROM {base}
ARG NAME=one
ENV MODE=a
WORKDIR /code/{name}
COPY --from=packages /{name}/all.txt /all.txt
RUN echo $NAME $MODE > /name
COPY data data
COPY server.py .
CMD ["python", "server.py"]
"""
_SETTINGS = """\
env_file = "dev.env"

[environment]
TEA = "green"

[secrets.token]
env = "TOKEN"
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One edit, and what the reason of one instruction is then; without an instruction, what the cause is."""

    name: str
    edit: Callable[[Path], object]
    instruction: str
    reason: str


def _replace(file: str, old: str, new: str) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return edit


def _write(file: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text(text)


_CAT = "RUN cat requirements.txt requirements/*.txt pyproject.toml > all.txt"
_FROM_PACKAGES = "COPY --from=packages "
CONTEXT = (
    Stage("source", lambda at: write_server(at, "two"), "COPY server.py .", "server.py changed"),
    Stage(
        "requirement changed",
        _write("requirements.txt", "# mine\nfastapi==2\n"),
        _CAT,
        "requirements.txt line 2: fastapi==1 -> fastapi==2",
    ),
    Stage(
        "requirement added",
        _write("requirements.txt", "# mine\nfastapi==2\nhttpx\n"),
        _CAT,
        "requirements.txt line 3 added: httpx",
    ),
    Stage(
        "requirement removed",
        _write("requirements.txt", "# mine\nhttpx\n"),
        _CAT,
        "requirements.txt line 2 removed: fastapi==2",
    ),
    Stage(
        "included requirements",
        _write("requirements/base.txt", "uvicorn==1\nanyio==2\n"),
        _CAT,
        "requirements/base.txt line 2: anyio==1 -> anyio==2",
    ),
    Stage(
        "project dependency",
        _write("pyproject.toml", '[project]\ndependencies = ["tea>2"]\n'),
        _CAT,
        'pyproject.toml line 2: dependencies = ["tea>1"] -> dependencies = ["tea>2"]',
    ),
    Stage(
        "stage that is copied from",
        _write("pyproject.toml", '[project]\ndependencies = ["tea>3"]\n'),
        _FROM_PACKAGES,
        "pyproject.toml changed; follows COPY requirements.txt pyproject.toml ./ in packages",
    ),
    Stage(
        "mode", lambda folder: (folder / "data/run.sh").chmod(0o755), "COPY data data", "data/run.sh changed"
    ),
    Stage("added", _write("data/new.txt", "x"), "COPY data data", "data/new.txt added"),
    Stage("removed", lambda folder: (folder / "data/c.txt").unlink(), "COPY data data", "data/c.txt removed"),
    Stage(
        "renamed",
        lambda at: (at / "data/a.txt").rename(at / "data/b.txt"),
        "COPY data data",
        "data/b.txt and 1 more changed",
    ),
    Stage(
        "ignored",
        _write(".dockerignore", "*.toml\n!pyproject.toml\n*.env\ndata/b.txt\n"),
        "COPY data data",
        "data/b.txt removed (.dockerignore line 4 added)",
    ),
)
INSTRUCTIONS = (
    Stage(
        "instruction",
        _replace("Dockerfile", "RUN echo", "RUN echo and"),
        "RUN echo and $NAME $MODE > /name",
        "Dockerfile line 12: the instruction changed",
    ),
    Stage(
        "variable",
        _replace("Dockerfile", "MODE=a", "MODE=b"),
        "RUN echo and $NAME $MODE > /name",
        "Dockerfile line 9: MODE changed",
    ),
    Stage(
        "default of an argument",
        _replace("Dockerfile", "NAME=one", "NAME=two"),
        "RUN echo and $NAME $MODE > /name",
        "Dockerfile line 8: NAME changed",
    ),
    Stage(
        "new instruction",
        _replace("Dockerfile", "COPY server.py .\n", "COPY server.py .\nRUN true\n"),
        "RUN true",
        "Dockerfile line 15: the instruction is new",
    ),
    Stage(
        "build argument",
        _replace("devbox.toml", "[secrets", '[build_args]\nNAME = "three"\n\n[secrets'),
        "RUN echo and $NAME $MODE > /name",
        "devbox.toml line 7: build argument NAME changed",
    ),
    Stage(
        "setting",
        _replace("devbox.toml", "green", "black"),
        "",
        "devbox.toml line 4: environment TEA changed",
    ),
    Stage("env file", _write("dev.env", "# mine\nCUP=2\n"), "", "dev.env line 2: environment CUP changed"),
    Stage("secret", _replace("devbox.toml", '"TOKEN"', '"OTHER"'), "", "devbox.toml line 9: secrets changed"),
)


@pytest.fixture
def base(folder: Path, engine: docker.DockerClient) -> Iterator[str]:
    """A base image under a name of the test's own."""
    name = f"{folder.name}-base:1"
    engine.images.get("python:3.13-slim").tag(name)
    yield name
    for tag in (name, name.replace(":1", ":2")):
        if engine.images.list(name=tag):
            engine.images.remove(tag, force=True)


@pytest.fixture
def project(folder: Path, base: str) -> Path:
    """The project before the first edit."""
    for name in ("data", "requirements"):
        (folder / name).mkdir()
    for name, text in {
        "Dockerfile": _DOCKERFILE.format(base=base, name=folder.name),
        "devbox.toml": _SETTINGS,
        "dev.env": "CUP=1\n",
        ".dockerignore": "*.toml\n!pyproject.toml\n*.env\n",
        "requirements.txt": "# mine\nfastapi==1\n",
        "requirements/base.txt": "uvicorn==1\nanyio==1\n",
        "pyproject.toml": '[project]\ndependencies = ["tea>1"]\n',
        "data/a.txt": "a",
        "data/c.txt": "c",
        "data/run.sh": "#!/bin/sh\n",
    }.items():
        (folder / name).write_text(text)
    (folder / "data/run.sh").chmod(0o644)
    write_server(folder)
    return folder


def explained(folder: Path) -> dict[str, Any]:
    done = run("explain", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def reason_of(found: dict[str, Any], instruction: str) -> str:
    """Why an instruction ran, '' where it did not; BuildKit shows one with its variables replaced."""
    words = [word for word in instruction.split() if not word.startswith("$")]
    for step in found["steps"]:
        if step["state"] == "done" and step["instruction"].split()[: len(words[:3])] == words[:3]:
            return str(step["reason"])
    return ""


@pytest.mark.parametrize("stages", [CONTEXT, INSTRUCTIONS], ids=["context", "instructions"])
def test_the_very_file_and_line(project: Path, start: StartUp, stages: tuple[Stage, ...]) -> None:
    up = start(TOKEN="a", OTHER="a")
    served = up.served(bound=400)["seq"]
    wrong = []
    for stage in stages:
        stage.edit(project)
        served = up.served(after=served)["seq"]
        found = explained(project)
        reason = reason_of(found, stage.instruction) if stage.instruction else found["cause"]
        if reason != stage.reason:
            wrong.append((stage.name, reason, stage.reason))
        # What stands before the first instruction that ran has nothing to do with it.
        assert all(step["reason"] == "" for step in found["steps"] if step["state"] == "cached")
    assert wrong == []


def archive(name: str) -> bytes:
    """A tar with one empty file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return made.getvalue()


def test_a_base_image_that_became_another(
    project: Path, base: str, start: StartUp, engine: docker.DockerClient
) -> None:
    up = start(TOKEN="a")
    served = up.served(bound=400)["seq"]
    for tag in ("1", "2"):
        container = engine.containers.create(base)
        container.put_archive("/", archive(f"{project.name}-{tag}"))
        container.commit(base.partition(":")[0], tag)
        container.remove()
    write_server(project, "two")
    served = up.served(after=served)["seq"]
    found = explained(project)
    assert reason_of(found, _CAT) == f"{base} is another image than before"
    _replace("Dockerfile", ":1", ":2")(project)
    up.served(after=served)
    found = explained(project)
    changed = f"Dockerfile line 1: the instruction changed; follows FROM {base[:-1]}2 AS packages"
    assert reason_of(found, _CAT) == changed


_SLOW = """\
FROM python:3.13-slim
WORKDIR /code/{name}
COPY . .
RUN sleep 2 && pip install --no-cache-dir -r requirements.txt
EXPOSE 8000
USER 1000:1000
CMD ["python", "server.py"]
"""


@pytest.fixture
def slow(folder: Path) -> Path:
    """A project that installs again with each save."""
    (folder / "Dockerfile").write_text(_SLOW.format(name=folder.name))
    (folder / "requirements.txt").write_text("# none\n")
    (folder / ".dockerignore").write_text(".git\n")
    write_server(folder)
    return folder


def test_advice_without_a_build_and_without_devbox(slow: Path) -> None:
    found = explained(slow)
    assert (found["state"], [each["rule"] for each in found["advice"]]) == (
        "none",
        ["SourceBeforeDependencies"],
    )
    told = run("explain", str(slow), DOCKER_HOST="unix:///nowhere").stdout.splitlines()
    assert told[1].startswith(
        "devbox: advice: Dockerfile:4: each save runs line 4 (RUN sleep 2 && pip install"
    )
    assert told[-3:] == [
        "    COPY requirements.txt ./",
        "    RUN sleep 2 && pip install --no-cache-dir -r requirements.txt",
        "    COPY . .",
    ]


def test_what_would_have_saved_seconds_is_said_once(slow: Path, start: StartUp) -> None:
    up = start()
    served = up.served(bound=400)["seq"]
    (advice,) = up.wait_for("build.advice")["findings"]
    assert (advice["file"], advice["line"], advice["rule"]) == ("Dockerfile", 4, "SourceBeforeDependencies")
    write_server(slow, "two")
    served = up.served(after=served)["seq"]
    told = up.wait_for("build.avoidable")
    assert told["exact"]
    assert told["finding"] == advice
    ran = next(step for step in up.of("build.finished")[-1]["steps"] if "sleep" in step["instruction"])
    assert told["seconds"] == ran["seconds"] >= 2
    write_server(slow, "three")
    served = up.served(after=served)["seq"]
    found = explained(slow)["advice"][0]
    lines = (slow / "Dockerfile").read_text().split("\n")
    lines[found["first"] - 1 : found["last"]] = found["better"]
    (slow / "Dockerfile").write_text("\n".join(lines))
    served = up.served(after=served)["seq"]
    up.wait_for("build.advice", findings=[])
    write_server(slow, "four")
    assert up.served(after=served)["cached"] >= 4
    assert len(up.of("build.avoidable")) == 1
    assert explained(slow)["advice"] == []


def test_plain_lines_for_an_editor(slow: Path) -> None:
    (slow / "devbox.toml").write_text('ports = ["0:8000"]\n')
    up = Watched(slow)
    try:
        up.until("devbox: 1 piece of advice")
        write_server(slow, "two")
        up.until("devbox: advice: Dockerfile:4: copy requirements.txt before the source: the last build")
    finally:
        up.end()
        assert run("down", str(slow), "--volumes").returncode == 0
    (place,) = [
        number for number, line in enumerate(up.lines) if line == "devbox: advice on the Dockerfile\n"
    ]
    assert up.lines[place + 1].startswith(
        "devbox: advice: Dockerfile:4: warning: each save runs line 4 (RUN "
    )
    assert up.lines[place + 1].endswith("[SourceBeforeDependencies]\n")
    assert any(line.startswith("devbox: revision 1 serving") for line in up.lines[:place])
