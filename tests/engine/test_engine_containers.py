"""Containers on a real engine: what they are given, what they say, and how they fail to start."""

from __future__ import annotations

import asyncio
import socket
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from devbox.engine.values import ContainerSpec, ExecResult
from devbox.errors import PortTaken, StartFailed
from devbox.model import LABEL_PROJECT, PortMapping, VolumeMount
from tests.contract.engine_contract import BOUND, lines_of

from .conftest import BASE, RealLab


def spec(lab: RealLab, *command: str, name: str = "web", **changes: Any) -> ContainerSpec:
    labels = {LABEL_PROJECT: lab.project}
    return ContainerSpec(f"{lab.project}-{name}", BASE, labels, command=command, **changes)


async def run(lab: RealLab, *command: str, **changes: Any) -> str:
    container = await lab.engine.create(spec(lab, *command, **changes))
    await lab.engine.start(container)
    return container


async def test_what_a_container_is_given(lab: RealLab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("bound\n")
    container = await run(
        lab,
        "sh",
        "-c",
        'echo "$GREETING"; cat /bound/file; touch /bound/x || echo read-only; touch /data/x && echo written; '
        "cat /proc/1/comm; test -t 1 || echo no terminal; read line || echo no input",
        environment={"GREETING": "a=b c"},
        mounts=(
            VolumeMount("bind", str(tmp_path), "/bound", read_only=True),
            VolumeMount("volume", f"{lab.project}-data", "/data"),
        ),
    )
    lines = await lines_of(lab.engine.logs(container, follow=True))
    expected = ["a=b c", "bound", "read-only", "written", "docker-init", "no terminal", "no input"]
    assert [line for line in lines if "touch" not in line] == expected
    await lab.engine.remove_container(container)
    await lab.engine.remove_volume(f"{lab.project}-data")


async def test_the_first_lines_are_never_lost(lab: RealLab) -> None:
    expected = [str(number) for number in range(300)]

    async def one(number: int) -> list[str]:
        container = await lab.engine.create(spec(lab, "seq", "0", "299", name=f"n{number}"))
        following = asyncio.create_task(lines_of(lab.engine.logs(container, follow=True)))
        if number % 2:
            await asyncio.sleep(0)
        await lab.engine.start(container)
        return await following

    for _ in range(2):
        assert await asyncio.gather(*(one(number) for number in range(6))) == [expected] * 6
        for container in await lab.engine.containers(lab.project):
            await lab.engine.remove_container(container.id)


async def test_both_streams_long_lines_and_odd_bytes(lab: RealLab) -> None:
    script = (
        "import os\n"
        "os.write(2, b'oh\\n')\n"
        "os.write(1, 'é'.encode() * 50_000 + b'\\n')\n"
        "os.write(1, b'\\xff\\r\\nno end')\n"
    )
    container = await run(lab, "python3", "-c", script)
    pieces = [piece async for piece in lab.engine.logs(container, follow=True)]
    assert [piece.line for piece in pieces if piece.stream == "stderr"] == ["oh"]
    out = [piece.line for piece in pieces if piece.stream == "stdout"]
    assert out[-2:] == ["\ufffd", "no end"]
    assert "".join(out[:-2]) == "é" * 50_000
    assert len(out) == 4


async def test_a_process_that_will_not_stop_is_killed_after_its_grace(lab: RealLab) -> None:
    container = await run(lab, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    async for _ in lab.engine.logs(container, follow=True):
        break
    began = time.monotonic()
    await lab.engine.stop(container, 0.5)
    assert 0.9 < time.monotonic() - began < 4
    assert await lab.engine.wait(container) == 137


async def test_a_command_that_is_not_there(lab: RealLab) -> None:
    container = await lab.engine.create(spec(lab, "/no/such/program", init=False))
    with pytest.raises(StartFailed, match="/no/such/program"):
        await lab.engine.start(container)


async def test_a_port_that_a_process_of_this_machine_holds(lab: RealLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        container = await lab.engine.create(
            spec(lab, "sleep", "60", ports=(PortMapping("127.0.0.1", port, 8000),))
        )
        with pytest.raises(PortTaken, match=str(port)) as raised:
            await lab.engine.start(container)
        assert f":{port}" in raised.value.cause
    await lab.engine.start(container)


async def test_commands_inside_a_container(lab: RealLab) -> None:
    container = await run(lab, "sleep", "60")
    big = await lab.engine.exec(container, ("sh", "-c", "seq 100000; echo é >&2"), BOUND)
    assert big.output.replace("é\n", "").startswith("1\n2\n3\n")
    assert "é\n" in big.output
    assert len(big.output.splitlines()) == 100_001
    missing = await lab.engine.exec(container, ("/no/such/program",), BOUND)
    assert missing.exit_status in (126, 127)
    assert "/no/such/program" in missing.output
    assert await lab.engine.exec(container, ("true",), BOUND) == ExecResult(0, "")


async def test_files_come_with_their_owners_and_modes(lab: RealLab) -> None:
    container = await lab.engine.create(spec(lab, "sleep", "60", user="1000:1000"))
    await lab.engine.put_files(container, _owned("srv/early", 1000, 1001, 0o640))
    await lab.engine.start(container)
    await lab.engine.put_files(container, _owned("srv/late", 65534, 0, 0o4755))
    stat = ("stat", "-c", "%u %g %a %s %Y", "/srv/early", "/srv/late")
    told = await lab.engine.exec(container, stat, BOUND)
    assert told.output.splitlines() == ["1000 1001 640 4 1000000000", "65534 0 4755 4 1000000000"]


def _owned(name: str, uid: int, gid: int, mode: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.uid, entry.gid, entry.mode, entry.mtime, entry.size = uid, gid, mode, 1_000_000_000, 4
    return entry.tobuf(tarfile.GNU_FORMAT) + b"text".ljust(512, b"\0") + b"\0" * 1024


async def test_entrypoint_directory_and_user_of_a_containers_own(lab: RealLab) -> None:
    image = await lab.image_of(f'FROM {BASE}\nWORKDIR /image\nUSER 5\nENTRYPOINT ["echo"]\nCMD ["its own"]\n')
    labels = {LABEL_PROJECT: lab.project}
    given = ContainerSpec(
        f"{lab.project}-given",
        image,
        labels,
        entrypoint=("sh", "-c"),
        command=("pwd; id -u; id -g",),
        working_directory="/made",
        user="1000:1001",
    )
    own = ContainerSpec(f"{lab.project}-own", image, labels)
    for what, expected in ((given, ["/made", "1000", "1001"]), (own, ["its own"])):
        container = await lab.engine.create(what)
        await lab.engine.start(container)
        assert await lines_of(lab.engine.logs(container, follow=True)) == expected


async def test_a_command_as_another_user(lab: RealLab) -> None:
    container = await run(lab, "sleep", "60", user="1000")
    for user, expected in (("", "1000"), ("0", "0"), ("1001:1002", "1001")):
        assert (await lab.engine.exec(container, ("id", "-u"), BOUND, user)).output.strip() == expected


async def test_standard_input_is_for_one_client(lab: RealLab) -> None:
    container = await lab.engine.create(spec(lab, "sh", "-c", "cat; echo err >&2; echo end", stdin=True))
    attached = await lab.engine.attach(container)
    await lab.engine.start(container)
    await attached.send(b"in\n")
    assert await attached.line() == "in"
    await attached.close()
    assert await lab.engine.wait(container) == 0
    lines = await lines_of(lab.engine.logs(container, follow=True))
    assert sorted(lines) == ["end", "err", "in"]


async def test_an_image_with_two_tags_goes_by_its_id(lab: RealLab) -> None:
    one = await lab.image_of("FROM " + BASE + "\nENV A=1\n")
    two = await lab.image_of("FROM " + BASE + "\nENV A=1\n")
    known = await lab.engine.image(one)
    assert known is not None
    assert set(known.tags) == {one, two}
    await lab.engine.remove_image(known.id)
    assert await lab.engine.images(lab.project) == ()


async def test_a_tag_moved_to_a_new_image_leaves_the_old_one_by_id(lab: RealLab) -> None:
    tag = await lab.image_of("FROM " + BASE + "\nENV A=1\n")
    old = await lab.engine.image(tag)
    await lab.image_of("FROM " + BASE + "\nENV A=2\n", tag)
    assert old is not None
    untagged = await lab.engine.image(old.id)
    # The containerd image store lets go of an image with its last tag.
    assert untagged is None or untagged.tags == ()
    await lab.engine.remove_image(old.id)
    assert await lab.engine.image(old.id) is None
    assert await lab.engine.image(tag) is not None
