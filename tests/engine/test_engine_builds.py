"""Builds on a real engine: both builders, and how quickly they end when nobody wants them any more."""

from __future__ import annotations

import asyncio
import tarfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace

import psutil
import pytest

from devbox.engine.values import BuildRequest, ImageFacts
from devbox.errors import EngineRefused
from devbox.model import LABEL_PROJECT
from tests.contract.engine_contract import engine_threads, eventually, request_of, tar_of

from .conftest import BASE, RealLab

PROMPT = 0.2
BUILDERS = pytest.mark.parametrize("buildkit", [True, False], ids=["buildkit", "classic"])


async def build(
    lab: RealLab, request: BuildRequest, dockerfile: str, **files: str
) -> list[Mapping[str, object]]:
    context = iter([tar_of({"Dockerfile": dockerfile, **files})])
    return [message async for message in lab.engine.build(request, context)]


async def built(lab: RealLab, request: BuildRequest, dockerfile: str, **files: str) -> ImageFacts:
    messages = await build(lab, request, dockerfile, **files)
    assert not any("error" in message for message in messages), messages
    image = await lab.engine.image(request.tag)
    assert image is not None
    return image


def sleeping(seconds: int) -> Callable[[], Awaitable[bool]]:
    """Whether a process sleeps for just so many seconds, seen from this machine."""

    async def found() -> bool:
        return any(
            process.info["cmdline"] == ["sleep", str(seconds)] for process in psutil.process_iter(["cmdline"])
        )

    return found


@BUILDERS
async def test_both_builders_make_the_image_that_was_asked_for(lab: RealLab, buildkit: bool) -> None:
    request = replace(
        request_of(lab), buildkit=buildkit, target="wanted", build_args={"GREETING": "bonjour tout le monde"}
    )
    image = await built(
        lab,
        request,
        f"FROM {BASE} AS wanted\nARG GREETING\nRUN echo $GREETING > /greeting\nCOPY app.py /srv/\n"
        "EXPOSE 8000\nUSER 1000\nWORKDIR /srv\nCMD cat /greeting\nFROM wanted\nRUN exit 1\n",
        **{"app.py": "print()"},
    )
    assert image.labels[LABEL_PROJECT] == lab.project
    assert (image.user, image.working_directory) == ("1000", "/srv")
    assert [port.container_port for port in image.exposed] == [8000]
    assert image.command == ("/bin/sh", "-c", "cat /greeting")


@BUILDERS
async def test_a_failing_instruction_is_a_message_and_no_exception(lab: RealLab, buildkit: bool) -> None:
    request = replace(request_of(lab), buildkit=buildkit)
    *_, last = await build(lab, request, f"FROM {BASE}\nRUN exit 7\n")
    assert "7" in str(last["error"])


async def test_a_dockerfile_that_is_none(lab: RealLab) -> None:
    *_, last = await build(lab, request_of(lab), "FOO bar\n")
    assert "line 1" in str(last["error"])
    with pytest.raises(EngineRefused, match="line 1") as raised:
        await build(lab, replace(request_of(lab), buildkit=False), "FOO bar\n")
    assert raised.value.status == 400


@BUILDERS
async def test_a_cancelled_build_is_gone_at_once(lab: RealLab, buildkit: bool) -> None:
    seconds = 7_000_000 + int(time.time()) % 1_000_000
    request = replace(request_of(lab), buildkit=buildkit, no_cache=True)
    task = asyncio.create_task(build(lab, request, f"FROM {BASE}\nRUN exec sleep {seconds}\n"))
    await eventually(sleeping(seconds))
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < PROMPT
    assert engine_threads() == 0

    async def gone() -> bool:
        return not await sleeping(seconds)()

    await eventually(gone)
    assert time.monotonic() - began < 2 * PROMPT


async def test_a_build_can_be_cancelled_by_its_id(lab: RealLab) -> None:
    seconds = 8_000_000 + int(time.time()) % 1_000_000
    request = replace(request_of(lab), no_cache=True)
    task = asyncio.create_task(build(lab, request, f"FROM {BASE}\nRUN exec sleep {seconds}\n"))
    await eventually(sleeping(seconds))
    await lab.engine.cancel_build(request.build_id)
    *_, last = await asyncio.wait_for(task, 5)
    assert "error" in last
    await lab.engine.cancel_build(request.build_id)


@BUILDERS
async def test_a_build_cancelled_while_it_is_sent(lab: RealLab, buildkit: bool) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        entry = tarfile.TarInfo("big")
        entry.size = 10**12
        yield entry.tobuf(tarfile.GNU_FORMAT)
        while True:
            sent += 1
            yield b"x" * 65536

    async def send() -> None:
        async for _ in lab.engine.build(replace(request_of(lab), buildkit=buildkit), endless()):
            pass

    task = asyncio.create_task(send())

    async def under_way() -> bool:
        return sent > 100

    await eventually(under_way)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < PROMPT
    assert engine_threads() == 0
    assert (await lab.engine.info()).version


async def test_a_build_left_after_its_first_message_ends(lab: RealLab) -> None:
    seconds = 9_000_000 + int(time.time()) % 1_000_000
    talking = f"FROM {BASE}\nRUN sleep {seconds} & while :; do echo more; sleep 0.05; done\n"
    context = iter([tar_of({"Dockerfile": talking})])

    async def look_in() -> None:
        async for _ in lab.engine.build(request_of(lab), context):
            if await sleeping(seconds)():
                return

    await look_in()

    async def gone() -> bool:
        return not await sleeping(seconds)()

    await eventually(gone, 2.0)
