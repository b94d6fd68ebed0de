"""The lock that a package manager itself writes, made once."""

from __future__ import annotations

from pathlib import Path

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.filesync import Listings
from devbox.build.job import BuildJob
from devbox.engine.values import ContainerSpec
from devbox.generate.values import Manager
from devbox.model import LABEL_PROJECT, Image, Plan, Snapshot
from devbox.watch import Scanner
from tests.engine.conftest import RealLab
from tests.engine.projects import DEPENDENCIES, lock_name, locking, manifest, write

_LOCKS: dict[Manager, str] = {}


async def build(lab: RealLab, root: Path, snapshot: Snapshot, dockerfile: str) -> Image:
    """The image of a Dockerfile that is in no file."""
    job = BuildJob(
        number=1,
        tag=f"devbox/{lab.project}:r1",
        root=root,
        snapshot=snapshot,
        plan=Plan("a test"),
        dockerfile="Dockerfile",
        labels={LABEL_PROJECT: lab.project},
        extra={"Dockerfile": dockerfile.encode()},
    )
    return await BuildKitBuilder(lab.engine, Listings()).build(job, lambda _: None)


async def lock_of(lab: RealLab, manager: Manager, folder: Path) -> str:
    """What the package manager itself locks; '' for pip, which has none."""
    if manager == "pip":
        return ""
    if manager not in _LOCKS:
        write(folder, manifest(manager, DEPENDENCIES))
        image = await build(lab, folder, Scanner(folder).scan(), locking(manager))
        spec = ContainerSpec(
            f"{lab.project}-lock", image.id, {LABEL_PROJECT: lab.project}, command=("cat", lock_name(manager))
        )
        container = await lab.engine.create(spec)
        await lab.engine.start(container)
        assert await lab.engine.wait(container) == 0
        lines = [piece.line async for piece in lab.engine.logs(container, follow=True)]
        _LOCKS[manager] = "\n".join(lines) + "\n"
    return _LOCKS[manager]
