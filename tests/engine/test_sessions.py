"""Sessions with a real BuildKit: secrets, and a cancelled build that leaves nothing open."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.job import Asked, BuildJob
from devbox.errors import BuildFailed
from devbox.events import BuildLog, Event
from devbox.model import LABEL_PROJECT, Plan
from devbox.watch import Scanner

from .conftest import BASE, RealLab
from .test_builders import running, until

MOUNT = "--mount=type=secret,id=token,required=true"


def job(lab: RealLab, root: Path, run: str, asked: Asked) -> BuildJob:
    """A build of one step that mounts the secret `token`."""
    (root / "Dockerfile").write_text(f"FROM {BASE}\nRUN {MOUNT} : {lab.project} && {run}\n")
    return BuildJob(
        number=1,
        tag=f"devbox/{lab.project}:r1",
        root=root,
        snapshot=Scanner(root).scan(),
        plan=Plan("a test"),
        dockerfile="Dockerfile",
        labels={LABEL_PROJECT: lab.project},
        asked=asked,
    )


async def test_a_secret_of_any_bytes_reaches_its_step(lab: RealLab, tmp_path: Path) -> None:
    value = os.urandom(300_000)
    heard: list[Event] = []
    asked = Asked(session=True, secrets={"token": value})
    await BuildKitBuilder(lab.engine).build(
        job(lab, tmp_path, "sha256sum < /run/secrets/token", asked), heard.append
    )
    (line,) = (event.line for event in heard if isinstance(event, BuildLog))
    assert line.split()[0] == hashlib.sha256(value).hexdigest()


async def test_a_secret_that_is_missing_is_named(lab: RealLab, tmp_path: Path) -> None:
    asked = Asked(session=True, missing={"token": "nobody gives it"})
    with pytest.raises(BuildFailed, match=r"secret token.* not found") as raised:
        await BuildKitBuilder(lab.engine).build(job(lab, tmp_path, "true", asked), lambda _: None)
    assert "--secret id=token,src=FILE" in raised.value.hint


async def test_a_cancelled_build_ends_its_step_and_its_session(lab: RealLab, tmp_path: Path) -> None:
    seconds = f"48.{os.getpid()}"
    asked = Asked(session=True, secrets={"token": b"x"})
    building = asyncio.create_task(
        BuildKitBuilder(lab.engine).build(job(lab, tmp_path, f"sleep {seconds}", asked), lambda _: None)
    )
    with running(seconds) as sleeps:
        await until(sleeps, 20)
        (session,) = lab.engine._handovers._upgrades._open
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        async with asyncio.timeout(2):
            await session.ended()
        await until(lambda: not sleeps(), 3)
