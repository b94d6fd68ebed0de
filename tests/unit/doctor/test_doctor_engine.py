from __future__ import annotations

from dataclasses import replace

import pytest

from devbox.doctor.engine import base_image, buildkit, clocks, engine, future_files, image_store
from devbox.doctor.facts import Answer, Base
from devbox.doctor.finding import State
from devbox.engine.values import EngineInfo
from devbox.errors import DevboxError, EngineRefused, EngineUnreachable, PullFailed

INFO = EngineInfo(
    "Docker Engine", "28.5.2", "1.51", "unix:///var/run/docker.sock", True, True, image_store="overlay2"
)
UNREACHABLE = EngineUnreachable(
    "no engine answers at unix:///x", cause="No such file or directory", hint="start Docker"
)


def test_the_engine_that_answers_is_named() -> None:
    found = engine(Answer(INFO, 0, 0), {})
    assert found.state is State.OK
    assert found.text == "Docker Engine 28.5.2 at unix:///var/run/docker.sock, API 1.51"


@pytest.mark.parametrize(
    ("environ", "step"),
    [
        ({}, "start Docker"),
        (
            {"DOCKER_HOST": "unix:///x"},
            "DOCKER_HOST=unix:///x says where to look: start that engine, or unset DOCKER_HOST",
        ),
        (
            {"DOCKER_CONTEXT": "big"},
            "DOCKER_CONTEXT=big says where to look: start that engine, or unset DOCKER_CONTEXT",
        ),
    ],
)
def test_no_engine(environ: dict[str, str], step: str) -> None:
    found = engine(UNREACHABLE, environ)
    assert found.state is State.FAILURE
    assert found.text == "no engine answers at unix:///x: No such file or directory"
    assert found.next_step == step


def test_where_to_look_is_no_answer_to_a_closed_socket() -> None:
    closed = EngineUnreachable("no permission to use the engine at unix:///x", hint="join the docker group")
    assert engine(closed, {"DOCKER_HOST": "unix:///x"}).next_step == "join the docker group"


def test_a_builder_that_answers_and_one_that_hangs() -> None:
    assert buildkit(INFO, "").state is State.OK
    found = buildkit(INFO, "it said nothing within 10s")
    assert found.state is State.FAILURE
    assert "restart" in found.next_step


@pytest.mark.parametrize(
    ("info", "step"),
    [
        (replace(INFO, version="18.06", buildkit=False), "23.0"),
        (replace(INFO, version="27.3", buildkit=False, image_store="containerd"), "27.5"),
        (replace(INFO, name="Podman", version="5.0", buildkit=False), "Docker Engine has it"),
    ],
)
def test_an_engine_without_buildkit(info: EngineInfo, step: str) -> None:
    found = buildkit(info, None)
    assert found.state is State.WARNING
    assert step in found.next_step


def test_image_stores() -> None:
    assert image_store(INFO).text == "overlay2"
    assert image_store(replace(INFO, image_store="containerd")).state is State.OK
    assert "does not tell" in image_store(replace(INFO, image_store="")).text
    slow = image_store(replace(INFO, image_store="vfs"))
    assert slow.state is State.WARNING
    assert "overlay2" in slow.next_step


@pytest.mark.parametrize(
    ("here", "answer", "state", "told", "step"),
    [
        (True, None, State.OK, "x:1 is here", ""),
        (False, None, State.OK, "the first build pulls it", ""),
        (
            False,
            PullFailed("cannot pull x:1", cause="manifest unknown", hint="check the tag"),
            State.FAILURE,
            "its registry says no: manifest unknown",
            "check the tag",
        ),
        (
            False,
            EngineRefused("cannot pull x:1", cause="no such host", hint="check its network"),
            State.WARNING,
            "could not be asked: no such host",
            "check its network; then docker pull x:1",
        ),
        (
            False,
            EngineRefused("cannot pull x:1", cause="it did not answer within 10s"),
            State.WARNING,
            "within 10s",
            "docker pull x:1",
        ),
        (
            False,
            EngineRefused("cannot look", status=400, cause="invalid reference format"),
            State.FAILURE,
            "is no name of an image",
            "correct it in the Dockerfile",
        ),
    ],
)
def test_base_images(here: bool, answer: DevboxError | None, state: State, told: str, step: str) -> None:
    found = base_image(Base("x:1", here, answer))
    assert found.state is state
    assert told in found.text
    assert found.next_step == step


@pytest.mark.parametrize(
    ("clock", "state", "told"),
    [
        (1000.5, State.OK, "the same time"),
        (999.0, State.OK, "the same time"),
        (1002.9, State.OK, "the same time"),
        (0.0, State.OK, "does not tell"),
        (700.0, State.WARNING, "5 minutes behind"),
        (1000.0 + 86_400 * 3, State.WARNING, "3 days ahead of"),
    ],
)
def test_clocks(clock: float, state: State, told: str) -> None:
    found = clocks(Answer(replace(INFO, clock=clock), asked=1000, answered=1001))
    assert found.state is state
    assert told in found.text
    assert bool(found.next_step) is (state is not State.OK)


def test_files_from_the_future() -> None:
    assert future_files({"a": 1.5}, "/p").state is State.OK
    found = future_files({"a.py": 7200.0, "b.py": 30.0, "c.py": 0.5}, "/my project")
    assert found.state is State.WARNING
    assert "2 files" in found.text
    assert "2 hours: a.py, b.py" in found.text
    assert found.next_step == "find '/my project' -newermt now -exec touch -c {} +"
