from __future__ import annotations

import pytest

from devbox.doctor.facts import Occupants, Port, Room, Watching
from devbox.doctor.finding import State
from devbox.doctor.machine import disks, occupants, port, watching
from devbox.errors import PortTaken
from devbox.model import PortMapping

GIGABYTE = 1_000_000_000
LIMITS = {"max_user_watches": 8192, "max_user_instances": 128}


def room(free: int, what: str = "images", files: int | None = 10**6) -> Room:
    return Room(what, f"/{what}", free, 100 * GIGABYTE, files)


@pytest.mark.parametrize(
    ("rooms", "state", "step"),
    [
        ((room(50 * GIGABYTE),), State.OK, ""),
        ((room(3 * GIGABYTE),), State.WARNING, "docker system df"),
        ((room(100),), State.FAILURE, "docker system df"),
        ((room(50 * GIGABYTE), room(100, "the project")), State.FAILURE, "du -xh"),
        ((room(3 * GIGABYTE), room(4 * GIGABYTE, "the project")), State.WARNING, "docker system df"),
        ((room(50 * GIGABYTE, files=10),), State.FAILURE, "docker system df"),
        ((room(50 * GIGABYTE, files=None),), State.OK, ""),
        ((), State.OK, ""),
    ],
)
def test_the_fullest_disk_decides(rooms: tuple[Room, ...], state: State, step: str) -> None:
    found = disks(rooms)
    assert found.state is state
    assert step in found.next_step
    assert bool(found.next_step) is (state is not State.OK)
    assert all(one.path in found.text for one in rooms)


def test_too_many_files_are_said_as_such() -> None:
    assert "room for 10 more files" in disks([room(50 * GIGABYTE, files=10)]).text


def test_an_engine_that_does_not_tell_what_it_has_left() -> None:
    found = disks([room(50 * GIGABYTE, "the project")], "Docker Desktop")
    assert found.text == (
        "50 GB of 100 GB left for the project (/the project); Docker Desktop does not tell what it has left"
    )


def test_a_small_tree_is_watched() -> None:
    found = watching(Watching(12, LIMITS))
    assert found.state is State.OK
    assert found.text == "8,192 watches and 128 instances, and this tree has 12 folders"


def test_a_tree_that_needs_most_of_the_watches() -> None:
    found = watching(Watching(5000, LIMITS))
    assert found.state is State.WARNING
    assert found.next_step.startswith("sudo sysctl fs.inotify.max_user_watches=524288 ")
    assert "=4000000 " in watching(Watching(1_000_000, LIMITS)).next_step


def test_what_the_system_refuses_now_counts_before_what_its_limits_say() -> None:
    found = watching(Watching(1, LIMITS, "", "the limit is reached", "raise it: sudo sysctl …"))
    assert (found.state, found.next_step) == (State.WARNING, "raise it: sudo sysctl …")
    assert "the limit is reached" in found.text


@pytest.mark.parametrize(
    ("polls", "state"),
    [
        ("DEVBOX_POLL asks for it", State.OK),
        ("file events do not come from a file system of type 9p", State.WARNING),
    ],
)
def test_polling(polls: str, state: State) -> None:
    found = watching(Watching(1, LIMITS, polls))
    assert found.state is state
    assert polls in found.text


def test_a_system_without_inotify() -> None:
    assert watching(Watching(10**7, {})).state is State.OK


@pytest.mark.parametrize(
    ("found", "state", "told", "step"),
    [
        (Port(PortMapping(host_port=8000)), State.OK, "127.0.0.1:8000 is free", ""),
        (Port(PortMapping(container_port=80)), State.OK, "any free one for port 80", ""),
        (Port(PortMapping(host_port=8000), own=True), State.OK, "this project's own devbox", ""),
        (
            Port(
                PortMapping(host_port=8000), taken=PortTaken("", cause="nginx (pid 7) listens", hint="stop")
            ),
            State.FAILURE,
            "nginx (pid 7) listens",
            "stop",
        ),
        (
            Port(PortMapping(host_port=80, container_port=8000), refused="for root"),
            State.FAILURE,
            "127.0.0.1:80 cannot be opened: for root",
            "publish on a higher one: -p 8080:8000",
        ),
        (
            Port(PortMapping("10.0.0.9", 8000, 8000), refused="no address of this machine"),
            State.FAILURE,
            "10.0.0.9:8000",
            "publish on an address of this machine: -p 127.0.0.1:8000:8000",
        ),
    ],
)
def test_ports(found: Port, state: State, told: str, step: str) -> None:
    judged = port(found)
    assert (judged.state, judged.next_step) == (state, step)
    assert told in judged.text


def test_who_has_the_project() -> None:
    assert occupants("shop", Occupants()).text == "shop: no devbox runs it"
    assert occupants("shop", Occupants(daemon=7)).text == "shop: devbox runs it (process 7)"
    taken = occupants("shop", Occupants(foreign="/other"))
    assert taken.state is State.FAILURE
    assert taken.next_step == 'set project = "another-name" in devbox.toml, or devbox down /other'
