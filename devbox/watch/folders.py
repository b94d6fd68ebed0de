"""The entries of a context folder by folder, so that a digest over all of them costs what changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devbox.digest import new_hasher
from devbox.model import Entry


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies right in one folder, by its whole path and sorted, and the digest of it."""

    entries: Mapping[str, Entry]
    digest: str


def parent(path: str) -> str:
    """The folder that a path lies in, '' for the context itself."""
    return path.rpartition("/")[0]


def folder(entries: Mapping[str, Entry]) -> Folder:
    """One folder; no field can hold a NUL, so that different contents never run together."""
    ordered = dict(sorted(entries.items()))
    fields: list[str] = []
    for path, entry in ordered.items():
        fields += (path, entry.kind, f"{entry.mode:o}", entry.digest)
    return Folder(ordered, _hashed(fields))


def folders_of(entries: Mapping[str, Entry]) -> dict[str, Folder]:
    """Every folder that holds an entry."""
    grouped: dict[str, dict[str, Entry]] = {}
    for path, entry in entries.items():
        grouped.setdefault(parent(path), {})[path] = entry
    return {path: folder(inside) for path, inside in grouped.items()}


def digest_of(folders: Mapping[str, Folder], aside: str) -> str:
    """The digest of all of them and of what is sent besides; equal ones mean equal entries."""
    fields = [aside]
    for path in sorted(folders):
        fields += (path, folders[path].digest)
    return _hashed(fields)


def exchanged(
    entries: Mapping[str, Entry], before: Mapping[str, Folder], after: Mapping[str, Folder]
) -> dict[str, Entry]:
    """The entries of `before`, sorted, made into those of `after`."""
    made = dict(entries)
    for path in before.keys() | after.keys():
        old, new = before.get(path), after.get(path)
        if old is new:
            continue
        for gone in (old.entries.keys() if old else set()) - (new.entries.keys() if new else set()):
            del made[gone]
        made.update(new.entries if new else {})
    return made if made.keys() == entries.keys() else dict(sorted(made.items()))


def _hashed(fields: Iterable[str]) -> str:
    hasher = new_hasher()
    hasher.update("\0".join(fields).encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()
