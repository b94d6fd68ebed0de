"""Where the ignore rules of a context are read from, as BuildKit finds them."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from devbox.errors import ContextError

_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The bytes of the ignore file and its name for people; `notice` is what they should know about it."""

    name: str = ".dockerignore"
    data: bytes = b""
    notice: str = ""


def candidates(root: Path, dockerfile: Path) -> tuple[Path, Path]:
    """The two places of an ignore file: the one beside the Dockerfile wins, even where it is empty."""
    return dockerfile.with_name(f"{dockerfile.name}.dockerignore"), root / ".dockerignore"


def read(root: Path, dockerfile: Path, unwritten: bytes = b"") -> IgnoreFile:
    """Reads the ignore file that counts; none, or a directory of that name, is no rules, or `unwritten` as
    long as there is no Dockerfile either.

    Links are followed as the builder does, which takes the file's own directory for the root of the file
    system; one that leads elsewhere counts as no file, which `notice` says. Raises ContextError where the
    file cannot be read.
    """
    for place in candidates(root, dockerfile):
        target = _follow(place)
        try:
            data = target.read_bytes() if target is not None else None
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            data = None
        except OSError as error:
            raise ContextError(
                f"{place.name} cannot be read", path=place.name, cause=error.strerror or str(error)
            ) from error
        if data is not None:
            return IgnoreFile(place.name, data)
    notice = ""
    if (root / ".dockerignore").is_symlink():
        notice = ".dockerignore is a link out of the build context, which docker build does not follow"
        notice += ": nothing is ignored"
    elif unwritten and not os.path.lexists(dockerfile):
        return IgnoreFile(data=unwritten)
    return IgnoreFile(notice=notice)


def _follow(place: Path) -> Path | None:
    """Where the links at `place` lead with its directory as the root; None where they lead nowhere."""
    top = str(place.parent)
    ahead = [place.name]
    here: list[str] = []
    links = 0
    while ahead:
        part = ahead.pop(0)
        if part == "..":
            here = here[:-1]
        elif part not in {"", "."}:
            path = Path(top, *here, part)
            try:
                target = os.readlink(path)  # noqa: PTH115 - the text of the link is wanted, not a path
            except OSError as error:
                if error.errno != errno.EINVAL:
                    return None
                here.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                return None
            here = [] if target.startswith("/") else here
            ahead = target.split("/") + ahead
    return Path(top, *here)
