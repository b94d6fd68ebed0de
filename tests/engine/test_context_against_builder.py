"""What a snapshot says the builder gets, held against what BuildKit really copied into an image.

What is sent is filtered by the client, in a tar body as in a session, so what is proved here is that a
snapshot's paths, kinds, modes and contents are those of the image. That the right paths are chosen is held
against the builder's own matcher in tests/unit/watch/test_ignore.py.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import stat
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.filesync import Listings
from devbox.build.job import BuildJob
from devbox.digest import file_digest
from devbox.engine import connect
from devbox.model import Entry, Kind, Plan, Snapshot
from devbox.watch import Scanner

_DOCKERFILE = "zz.Dockerfile"
_INSTRUCTIONS = b"FROM scratch\nCOPY . /context/\n"
_PATIENCE = 60
_NAMES = (
    "a",
    "b.py",
    "Makefile",
    ".env",
    ".git",
    "with space",
    "new\nline",
    "ünï",
    "#",
    "!x",
    "back\\slash",
    "[1]",
)
_RULES = (
    b"",
    b".git\n*.py\n",
    b"*\n!a\n",
    b"**/a\n!**/b.py\n",
    b"a\n!a/b.py\n.env\n",
    b"\xef\xbb\xbf\\#\n\\!x\n\\[1\\]\n",
    b"*/*\n!*/a/**\n",
)


@pytest.fixture(scope="module")
def client() -> Iterator[docker.APIClient]:
    connected = docker.from_env(version="auto", timeout=_PATIENCE).api
    yield connected
    connected.close()


def test_names_kinds_modes_and_contents_are_the_builders(tmp_path: Path, client: docker.APIClient) -> None:
    (tmp_path / "app").mkdir(mode=0o755)
    (tmp_path / "app" / "main.py").write_text("print('hello')\n")
    (tmp_path / "app" / "empty.py").touch()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_bytes(os.urandom(5000))
    (tmp_path / "private" / "key").chmod(0o400)
    (tmp_path / "private").chmod(0o700)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "setuid").touch()
    (tmp_path / "setuid").chmod(0o4755)
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("app/main.py")
    (tmp_path / "link to directory").symlink_to("app")
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / ("l" * 150)).mkdir()
    (tmp_path / ("l" * 150) / ("n" * 200)).write_text("long")
    (tmp_path / "link to long").symlink_to("t" * 140)
    (tmp_path / "new\nline ünïcödé \U0001f40d").write_text("odd")
    (tmp_path / os.fsdecode(b"latin-\xe9")).write_text("no UTF-8")
    (tmp_path / "big").write_bytes(os.urandom(3_000_000))

    snapshot = Scanner(tmp_path).scan()

    assert _copied(client, _build(client, _tar(tmp_path, snapshot))) == snapshot.entries


@pytest.mark.parametrize("fetched", [False, True])
@pytest.mark.parametrize("seed", range(7))
def test_random_trees_arrive_as_the_snapshot_says(
    tmp_path: Path, client: docker.APIClient, seed: int, fetched: bool
) -> None:
    chance = random.Random(seed)
    _grow(tmp_path, chance, depth=3)
    (tmp_path / ".dockerignore").write_bytes(_RULES[seed % len(_RULES)])

    snapshot = Scanner(tmp_path).scan()

    image = asyncio.run(_fetched(tmp_path, snapshot)) if fetched else _build(client, _tar(tmp_path, snapshot))
    assert _copied(client, image) == snapshot.entries


def _grow(directory: Path, chance: random.Random, depth: int) -> None:
    for name in chance.sample(_NAMES, chance.randint(2, 6)):
        path = directory / name
        kind = chance.random()
        if kind < 0.4 and depth:
            path.mkdir()
            _grow(path, chance, depth - 1)
            path.chmod(chance.choice((0o755, 0o700, 0o775)))
        elif kind < 0.5:
            path.symlink_to(chance.choice(_NAMES))
        else:
            path.write_bytes(chance.randbytes(chance.randint(0, 2000)))
            path.chmod(chance.choice((0o644, 0o600, 0o755, 0o444)))


async def _fetched(root: Path, snapshot: Snapshot) -> str:
    """The image of a build that fetches the context."""
    engine = await connect()
    job = BuildJob(
        number=1,
        tag=f"devbox-context-{uuid.uuid4().hex}",
        root=root,
        snapshot=snapshot,
        plan=Plan(""),
        dockerfile=_DOCKERFILE,
        labels={},
        extra={_DOCKERFILE: _INSTRUCTIONS},
    )
    try:
        return (await BuildKitBuilder(engine, Listings()).build(job, lambda _: None)).id
    finally:
        await engine.close()


def _copied(client: docker.APIClient, image: str) -> Mapping[str, Entry]:
    container = ""
    try:
        container = client.create_container(image, command=["none"])["Id"]
        exported = io.BytesIO(b"".join(client.export(container)))
    finally:
        if container:
            client.remove_container(container, force=True)
        client.remove_image(image, force=True)
    with tarfile.open(fileobj=exported, errors="surrogateescape") as tar:
        copied = {
            member.name.removeprefix("context/"): _entry(tar, member)
            for member in tar
            if member.name.startswith("context/")
        }
    del copied[_DOCKERFILE]
    return copied


def _tar(root: Path, snapshot: Snapshot) -> bytes:
    """The snapshot's paths as they are on disk, so that the rest of its entries is proved and not assumed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        dockerfile = tarfile.TarInfo(_DOCKERFILE)
        dockerfile.size = len(_INSTRUCTIONS)
        tar.addfile(dockerfile, io.BytesIO(_INSTRUCTIONS))
        for name in snapshot.entries:
            tar.add(root / name, arcname=name, recursive=False)
    return buffer.getvalue()


def _build(client: docker.APIClient, body: bytes) -> str:
    answer = client.post(
        f"{client.base_url}/v{client.api_version}/build",
        params={"version": "2", "dockerfile": _DOCKERFILE, "buildid": uuid.uuid4().hex},
        data=body,
        headers={"Content-Type": "application/x-tar"},
        timeout=_PATIENCE,
    )
    assert answer.status_code == 200, answer.text
    messages = [json.loads(line) for line in answer.text.splitlines()]
    images = [message["aux"]["ID"] for message in messages if message.get("id") == "moby.image.id"]
    assert images, [message for message in messages if "error" in message]
    return str(images[0])


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if member.isdir():
        return Entry(Kind.DIRECTORY, stat.S_IMODE(member.mode))
    if member.issym():
        return Entry(Kind.SYMLINK, stat.S_IMODE(member.mode), file_digest([os.fsencode(member.linkname)]))
    stream = tar.extractfile(member)
    assert stream is not None, member.name
    return Entry(Kind.FILE, stat.S_IMODE(member.mode), file_digest([stream.read()]), member.size)
