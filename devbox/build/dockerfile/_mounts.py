"""The values of RUN --mount."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devbox.errors import DockerfileError


@dataclass(frozen=True, slots=True)
class Mount:
    """One --mount; `origin` is its `from`, '' for the build context, `secret` the id of a secret."""

    kind: str
    origin: str
    source: str
    secret: str = ""


def check_mount(value: str) -> None:
    """Raises DockerfileError for a value that is no list of fields, or whose `from` holds a variable."""
    for key, field in _fields(value):
        if key == "from" and "$" in field[:-1]:
            raise DockerfileError(
                "'from' of --mount doesn't support variable expansion",
                hint="define an alias stage instead: FROM image:$VERSION AS name, and from=name",
            )


def read_mount(value: str, expand: Callable[[str], str]) -> Mount:
    """Reads one value, with the variables of everything but `from` replaced."""
    kind, origin, source, name, target = "bind", "", "", "", ""
    for key, field in _fields(value):
        if key == "type":
            kind = expand(field).lower()
        elif key == "from":
            origin = field
        elif key in {"source", "src"}:
            source = expand(field)
        elif key == "id":
            name = expand(field)
        elif key in {"target", "dst", "destination"}:
            target = expand(field)
    secret = (source or name or posixpath.basename(target)) if kind == "secret" else ""
    return Mount(kind, origin, source, secret)


def _fields(value: str) -> Iterator[tuple[str, str]]:
    try:
        rows = list(csv.reader([value], strict=True))
    except csv.Error as error:
        raise DockerfileError(f"failed to parse --mount={value}: {error}") from None
    for field in rows[0] if rows else ():
        key, _, rest = field.partition("=")
        yield key.lower(), rest
