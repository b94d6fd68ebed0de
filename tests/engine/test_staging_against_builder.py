"""What a staging makes of the former image's files, held against the image that BuildKit really built.

Nothing runs in these images: they hold no more than the files of two layers below and what is copied, so that
whole file systems are compared. The staging is applied to the exported files.
"""

from __future__ import annotations

import io
import os
import posixpath
import shutil
import tarfile
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import docker
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.dockerfile import parse
from devbox.build.job import BuildJob
from devbox.build.staging import stage, survey
from devbox.engine import connect
from devbox.errors import BuildFailed
from devbox.model import Cold, Kind, Plan, Snapshot, Staging
from devbox.watch import Scanner

# Where files may be before anything is copied: folders, a link to one, users.
_LOWER = {
    "low/file": "lower",
    "low/dir/x": "lower",
    "w/a": "lower",
    "elsewhere/x": "lower",
    "etc/passwd": "root:x:0:0::/:\napp:x:1000:2000::/:\n",
    "etc/group": "root:x:0:\nstaff:x:50:\n",
}
_OWNERS = {"": (0, 0), "app": (1000, 2000), "app:staff": (1000, 50), "7": (7, 7), "7:8": (7, 8)}
# fmt: off - as tables
_NAMES = [
    "a",
    "b.py",
    "base",
    "dir",
    "dir/a",
    "dir/b.py",
    "dir/c",
    "dir/sub",
    "dir/sub/a",
    "dir/sub/x",
    "d2",
    "d2/a",
    "d2/sub",
    "d2/sub/c",
]
_CONTENTS = ["1", "2", "3", "1 executable", "2 setuid", "/", "/ private", "-> a", "-> dir", "-> nowhere"]
_FLAGS = [
    "",
    "",
    "--chown=app ",
    "--chown=app:staff ",
    "--chown=7 ",
    "--chown=$WHO ",
    "--chmod=0751 ",
    "--chmod=640 ",
    "--chown=7:8 --chmod=700 ",
]
_SOURCES = [
    ".",
    ".",
    ".",
    ".",
    "dir",
    "dir",
    "dir",
    "dir/",
    "d2",
    "dir/sub",
    "base",
    "base",
    "*",
    "b*",
    "d*",
    "dir/*",
    "dir/s*",
    "*/a",
    "*.py",
    "[ab]*",
    "ba[s]e",
    "base dir",
    "base d2/",
    "base *.py",
]
_PLACES = [
    "/w",
    "/w/",
    ".",
    "./",
    "x",
    "x/",
    "/w/dir",
    "/w/dir/",
    "dir",
    "dir/sub",
    "dir/sub/",
    "/low",
    "/low/",
    "/low/dir/",
    "/low/file",
    "/alias",
    "/alias/",
    "/alias/new/",
    "/new/deep/",
    "/new/deep",
    "/",
    "$PLACE",
    "$PLACE/dir",
    "..",
]
_OTHERS = [
    "WORKDIR /w",
    "WORKDIR x",
    "WORKDIR dir/sub",
    "WORKDIR /new",
    "USER 1000",
    "ENV PLACE=/p",
    "COPY --from=one /one /w/",
    "COPY --from=one /one/base /w/x",
]
_ENGINES_OWN = (
    "dev",
    "proc",
    "sys",
    ".dockerenv",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/mtab",
)
# fmt: on

TREES = st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(_CONTENTS), min_size=1)
EDITS = st.dictionaries(
    st.sampled_from(_NAMES), st.sampled_from(["", "", *_CONTENTS]), min_size=2, max_size=5
)
COPIES = st.builds(
    "{} {}{} {}".format,
    st.sampled_from(("COPY",) * 6 + ("ADD",)),
    st.sampled_from(_FLAGS),
    st.sampled_from(_SOURCES),
    st.sampled_from(_PLACES),
)
MOST = st.builds(
    "COPY {}{} {}".format,
    st.sampled_from(_FLAGS),
    st.sampled_from((".", "dir", "*")),
    st.sampled_from(_PLACES),
)
LINES = st.builds(
    lambda before, most, behind: [*before, most, *behind],
    st.lists(COPIES | st.sampled_from(_OTHERS), max_size=2),
    MOST,
    st.lists(COPIES | COPIES | COPIES | st.sampled_from(_OTHERS), max_size=3),
)


class File(NamedTuple):
    """One path of an image; `content` is a link's target, too."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    content: bytes


Files = dict[str, File]


@dataclass
class Workshop:
    """One engine, and one base image on it."""

    client: docker.DockerClient
    base: str

    async def built(self, root: Path, dockerfile: str) -> tuple[Snapshot, Files]:
        """What is in the folder, and the files of the image built from it; raises BuildFailed."""
        snapshot = Scanner(root).scan()
        engine = await connect()
        try:
            job = BuildJob(
                number=1,
                tag=f"{self.base}-made",
                root=root,
                snapshot=snapshot,
                plan=Plan(""),
                dockerfile=".Dockerfile",
                labels={},
                extra={".Dockerfile": dockerfile.encode()},
            )
            image = await BuildKitBuilder(engine).build(job, lambda _: None)
        finally:
            await engine.close()
        return snapshot, self._files(image.id)

    def _files(self, image: str) -> Files:
        container = self.client.containers.create(image, command=["none"])
        try:
            exported = io.BytesIO(b"".join(self.client.api.export(str(container.id))))
        finally:
            container.remove(force=True)
        with tarfile.open(fileobj=exported, errors="surrogateescape") as tar:
            found = {item.name: _file(tar, item) for item in tar}
        kept = {f"/{path}": file for path, file in found.items() if not path.startswith(_ENGINES_OWN)}
        return {"/": File(Kind.DIRECTORY, 0o755, 0, 0, b""), **kept}


def _file(tar: tarfile.TarFile, item: tarfile.TarInfo) -> File:
    stream = tar.extractfile(item) if item.isfile() else None
    kind = Kind.DIRECTORY if item.isdir() else Kind.SYMLINK if item.issym() else Kind.FILE
    content = stream.read() if stream else os.fsencode(item.linkname)
    return File(kind, item.mode & 0o7777, item.uid, item.gid, content)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The tag of an image with the lower files."""
    client = docker.from_env()
    tag = f"devbox-staging-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _LOWER.items():
            path = Path(folder) / "low" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (Path(folder) / "low" / "alias").symlink_to("/elsewhere")
        (Path(folder) / "Dockerfile").write_text("FROM scratch\nCOPY low /\n")
        client.images.build(path=folder, tag=tag)
    yield tag
    client.images.remove(tag, force=True)
    client.close()


def write(root: Path, tree: Mapping[str, str]) -> None:
    """Makes the folder hold this tree, and "base", "dir" and "d2", which are always there."""
    for item in root.iterdir():
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    for name, content in sorted({"base": "1", "dir": "/", "d2": "/", **tree}.items()):
        path = root / name
        if not content or any(above.is_symlink() or above.is_file() for above in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("/"):
            path.mkdir(exist_ok=True)
            path.chmod(0o700 if content == "/ private" else 0o755)
        elif content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content)
            path.chmod({"1 executable": 0o755, "2 setuid": 0o4711}.get(content, 0o644))


def resolved(path: str, files: Files, *, last: bool) -> str:
    """The path without links on its way, nor itself one with `last`."""
    place = ""
    parts = path.strip("/").split("/")
    for number, part in enumerate(parts):
        place = f"{place}/{part}"
        file = files.get(place)
        if file and file.kind is Kind.SYMLINK and (last or number < len(parts) - 1):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(place), os.fsdecode(file.content)))
            place = resolved(target, files, last=True)
    return place


def apply(staging: Staging, root: Path, files: Files) -> Files:
    """The files once the staging was applied to them."""
    files = dict(files)
    for path in staging.paths:
        target = resolved(path.target, files, last=False)
        if path.kind is None:
            for gone in [one for one in files if one == target or one.startswith(f"{target}/")]:
                del files[gone]
            continue
        assert files[posixpath.dirname(target)].kind is Kind.DIRECTORY, path
        known = files.get(target)
        assert known is None or (known.kind is Kind.DIRECTORY) == (path.kind is Kind.DIRECTORY), path
        source = root / path.source
        content = b""
        if path.kind is Kind.SYMLINK:
            content = os.fsencode(source.readlink())
        elif path.kind is Kind.FILE:
            content = source.read_bytes()
        files[target] = File(path.kind, path.mode, *_OWNERS[path.owner], content)
    return files


@given(tree=TREES, edits=EDITS, lines=LINES, workdir=st.sampled_from(("WORKDIR /w", "WORKDIR /w", "")))
@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_staging_makes_the_former_image_the_new_one(
    base: str, tree: dict[str, str], edits: dict[str, str], lines: list[str], workdir: str
) -> None:
    first = (f"FROM {base} AS one", "COPY base /one/", f"FROM {base}", "ARG WHO=7:8", "ENV PLACE=/w", workdir)
    text = "".join(f"{line}\n" for line in (*first, *lines))
    client = docker.from_env()
    try:
        with tempfile.TemporaryDirectory() as folder:
            await _held(Workshop(client, base), Path(folder), text, tree, {**tree, **edits})
    finally:
        client.close()


async def _held(
    shop: Workshop, root: Path, text: str, tree: Mapping[str, str], edited: Mapping[str, str]
) -> None:
    dockerfile = parse(text)
    asked, owners = survey(dockerfile, {}, "")
    try:
        write(root, tree)
        before, former = await shop.built(root, text)
        write(root, edited)
        after, final = await shop.built(root, text)
    except BuildFailed:
        event("it cannot be built")
        return

    def is_directory(path: str) -> bool:
        assert path in asked
        place = resolved(path, former, last=True)
        return place in former and former[place].kind is Kind.DIRECTORY

    staging = stage(dockerfile, {}, "", before, after, is_directory=is_directory)
    if isinstance(staging, Cold):
        event(f"cold: {staging.reason.partition(': ')[2]}")
        return
    assert {path.owner for path in staging.paths} <= {"", *owners}
    kept = {path.target for path in staging.paths if path.kind}
    removed = {path.target for path in staging.paths} - kept
    if any(resolved(target, final, last=False) in final for target in removed):
        event("what was removed is below in the image")
        return
    event(f"staged: {min(len(staging.paths), 3)}")
    made = apply(staging, root, former)
    names = made.keys() | final.keys()
    wrong = {name: (made.get(name), final.get(name)) for name in names if made.get(name) != final.get(name)}
    assert not wrong, f"{text}\n{tree}\n{edited}\n{staging}\n{wrong}"
