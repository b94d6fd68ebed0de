"""Putting files into a project's folder, and never over one that is there without being told to."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devbox.errors import UsageError


@dataclass(frozen=True, slots=True)
class Change:
    """What a file holds, None where there is none, and what it is to hold."""

    path: Path
    before: str | None
    after: str

    @property
    def needed(self) -> bool:
        """Whether the file does not hold that already."""
        return self.before != self.after

    @property
    def replaces(self) -> bool:
        """Whether something is there that would be lost."""
        return self.needed and self.before is not None

    def diff(self) -> str:
        """The difference in the unified format."""
        before, after = (self.before or "").splitlines(keepends=True), self.after.splitlines(keepends=True)
        lines = difflib.unified_diff(before, after, self.path.name, f"{self.path.name} (devbox init)")
        # As `diff` has it where the last line does not end.
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )


def compare(files: Mapping[Path, str]) -> tuple[Change, ...]:
    """What would become of each file; raises UsageError for one that cannot be read."""
    return tuple(Change(path, read_text(path), after) for path, after in files.items())


def read_text(path: Path) -> str | None:
    """What a file holds, None where there is none; raises UsageError where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text", cause=str(error), hint="save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read", cause=error.strerror or str(error)) from error


def write(change: Change) -> None:
    """Makes the change at once: whoever reads the file sees all of it or nothing of it. A file that appeared
    since stays. Raises UsageError where it cannot be written."""
    path = change.path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        written = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(change.after.encode())
            written.chmod(path.stat().st_mode & 0o777 if change.before is not None else 0o666 & ~_umask())
            if change.before is None:
                _put_where_nothing_is(written, path)
            else:
                written.replace(path)
        finally:
            written.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{change.path} cannot be written", cause=error.strerror or str(error)) from error


def _put_where_nothing_is(written: Path, path: Path) -> None:
    try:
        # Unlike a rename it fails where there is something by now.
        os.link(written, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links, as those of memory sticks and of shares.
        with path.open("xb") as file:
            try:
                file.write(written.read_bytes())
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
