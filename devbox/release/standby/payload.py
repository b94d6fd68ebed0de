"""What is unpacked into a standby: the hook before its start, and staged files it may not write itself."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from importlib import resources

from devbox.model import Kind, StagedFile
from devbox.release.standby.wire import DIRECTORY

Owners = Mapping[str, tuple[int, int]]

_HOOK = resources.files("devbox.release.standby").joinpath("bootstrap")
_TYPES = {Kind.FILE: tarfile.REGTYPE, Kind.DIRECTORY: tarfile.DIRTYPE, Kind.SYMLINK: tarfile.SYMTYPE}


def bootstrap_tar() -> bytes:
    """The hook's files in their directory, for everybody to read."""
    name = DIRECTORY.lstrip("/")
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    files = sorted(
        (file for file in _HOOK.iterdir() if file.name.endswith(".py")), key=lambda file: file.name
    )
    return _tar(
        [(folder, b""), *((tarfile.TarInfo(f"{name}/{file.name}"), file.read_bytes()) for file in files)]
    )


def staged_tar(files: Sequence[StagedFile], owners: Owners) -> bytes:
    """The staged paths that are there afterwards, with their owners; removals are not in it."""
    return _tar([_entry(file, owners) for file in files if file.path.kind is not None])


def _entry(file: StagedFile, owners: Owners) -> tuple[tarfile.TarInfo, bytes]:
    path, content = file.path, file.content
    info = tarfile.TarInfo(path.target.lstrip("/"))
    info.type = _TYPES[path.kind or Kind.FILE]
    info.mode = path.mode
    # A float has too few bits for it.
    info.pax_headers = {"mtime": f"{file.stamp // 10**9}.{file.stamp % 10**9:09d}"}
    info.uid, info.gid = owners.get(path.owner, (0, 0))
    if path.kind is Kind.SYMLINK:
        info.linkname, content = content.decode("utf-8", "surrogateescape"), b""
    return info, content


def _tar(entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
        for info, content in entries:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
