from __future__ import annotations

from pathlib import Path

import pytest

from devbox.compose.services import Services, Standing, State, standing
from devbox.compose.turns import turn
from devbox.compose.values import Compose
from devbox.errors import ServicesFailed
from tests.unit.compose.fake import FakeDocker


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([State("db", "running")], Standing()),
        ([State("db", "running", "healthy")], Standing()),
        ([State("db", "running", "starting")], Standing(waiting=("db",))),
        ([State("db", "running", "unhealthy")], Standing(failed=(("db", "is unhealthy"),))),
        ([State("db", "running", exit_status=3)], Standing(waiting=("db",))),
        ([State("db", "restarting", exit_status=1)], Standing(waiting=("db",))),
        ([State("db", "exited")], Standing()),
        ([State("db", "exited", exit_status=3)], Standing(failed=(("db", "exited with status 3"),))),
        ([State("seed", "running")], Standing(waiting=("seed",))),
        ([State("other", "exited", exit_status=3)], Standing()),
        ([State("db", "running"), State("db", "running", "starting")], Standing(waiting=("db",))),
    ],
)
def test_how_services_stand(states: list[State], expected: Standing) -> None:
    assert standing(states, ["db", "seed"], ["seed"]) == expected


@pytest.fixture
def docker(tmp_path: Path) -> FakeDocker:
    return FakeDocker(tmp_path / "docker")


def services(tmp_path: Path, docker: FakeDocker) -> Services:
    compose = Compose("shop", "api", "compose.yaml", ("docker", "compose"), before=("db",))
    return Services(tmp_path, compose, docker.environ)


async def test_only_what_is_asked_for_is_started_and_each_line_is_told(
    tmp_path: Path, docker: FakeDocker
) -> None:
    docker.answers("up", out="Container shop-db-1  Started")
    docker.answers("ps", out={"Service": "db", "State": "running", "Health": "healthy", "ExitCode": 0})
    told: list[str] = []
    await services(tmp_path, docker).bring_up(["db"], told.append)
    assert docker.asked[0] == ["compose", "--progress", "plain", "up", "--detach", "--no-deps", "db"]
    assert "Container shop-db-1  Started" in told


async def test_a_service_that_ended_is_named_with_what_it_wrote(tmp_path: Path, docker: FakeDocker) -> None:
    docker.answers("up", err="dependency failed to start", status=1)
    docker.answers("ps", out=[{"Service": "db", "State": "exited", "ExitCode": 2}])
    docker.answers("logs", out="FATAL: no password")
    with pytest.raises(ServicesFailed, match=r"service 'db' of compose\.yaml exited with status 2") as caught:
        await services(tmp_path, docker).bring_up(["db"], lambda _: None)
    assert "FATAL: no password" in caught.value.log


async def test_what_compose_itself_fails_with_is_told(tmp_path: Path, docker: FakeDocker) -> None:
    docker.answers("up", err="pull access denied for pg", status=18)
    docker.answers("ps")
    with pytest.raises(ServicesFailed, match="docker compose up failed") as caught:
        await services(tmp_path, docker).bring_up(["db"], lambda _: None)
    assert "pull access denied for pg" in caught.value.log


async def test_volumes_go_only_when_asked(tmp_path: Path, docker: FakeDocker) -> None:
    docker.answers("down")
    await services(tmp_path, docker).down(volumes=False)
    await services(tmp_path, docker).down(volumes=True)
    assert ["--volumes" in words for words in docker.asked] == [False, True]


async def test_services_of_profiles_that_a_flag_enabled_go_too(tmp_path: Path, docker: FakeDocker) -> None:
    docker.answers("down")
    await services(tmp_path, docker).down(volumes=False)
    (words,) = docker.asked
    at = words.index("--profile")
    assert (words[at + 1], at < words.index("down")) == ("*", True)


async def test_a_program_that_is_gone_is_told(tmp_path: Path) -> None:
    compose = Compose("shop", "api", "compose.yaml", ("docker", "compose"))
    with pytest.raises(ServicesFailed, match="cannot be run"):
        await Services(tmp_path, compose, {"PATH": str(tmp_path)}).bring_up(["db"], lambda _: None)


async def test_compose_is_not_asked_while_another_session_has_it_start_services(
    tmp_path: Path, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devbox.compose.services._READY_WITHIN", 0.0)
    async with turn(tmp_path, 0.0):
        with pytest.raises(ServicesFailed, match="another devbox is starting services"):
            await services(tmp_path, docker).bring_up(["db"], lambda _: None)
    assert docker.asked == []
