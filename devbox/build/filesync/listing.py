"""The listing of a context: every path in the order that BuildKit insists on, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from devbox.build.filesync.packets import END_OF_LISTING, stat
from devbox.model import Entry, Kind

LinkTarget = Callable[[str, Entry], str]


@dataclass(frozen=True, slots=True)
class Listed:
    """`packets` are the listing as it is sent; a file is asked for by its place in `paths`."""

    packets: bytes
    paths: tuple[str, ...]
    entries: Mapping[str, Entry]


class Listings:
    """Makes listings, remembering those parts of the last one that are in the next one too.

    Not for two threads at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Entry, bytes]] = {}

    def make(self, entries: Mapping[str, Entry], link_target: LinkTarget) -> Listed | None:
        """Lists the entries; None where the protocol has no form for them: names that are no UTF-8, and paths
        whose folders are not among them. `link_target` tells where a link leads."""
        paths = sorted(entries, key=_in_a_walk)
        folders = {path for path, entry in entries.items() if entry.kind is Kind.DIRECTORY}
        parents = {path.rpartition("/")[0] for path in paths} - {""}
        if not parents <= folders:
            return None
        known = self._known
        made: dict[str, tuple[Entry, bytes]] = {}
        try:
            for path in paths:
                entry = entries[path]
                former = known.get(path)
                if former is not None and former[0] is entry:
                    made[path] = former
                else:
                    made[path] = entry, _packet(path, entry, link_target)
        except UnicodeEncodeError:
            return None
        self._known = made
        packets = b"".join([packet for _, packet in made.values()])
        return Listed(packets + END_OF_LISTING, tuple(paths), entries)


def _packet(path: str, entry: Entry, link_target: LinkTarget) -> bytes:
    link = link_target(path, entry).encode() if entry.kind is Kind.SYMLINK else b""
    return stat(path, entry, link)


def _in_a_walk(path: str) -> str:
    """Orders a folder right before what lies in it."""
    return path.replace("/", "\0")


def part(listed: Listed, wanted: Iterable[str]) -> Listed:
    """Of a listing only these files, where it has them, with the folders that lead to them."""
    names = {
        name[:end] for name in wanted for end in range(1, len(name) + 1) if name[end : end + 1] in ("", "/")
    }
    entries = {name: listed.entries[name] for name in names if name in listed.entries}
    paths = sorted(entries, key=_in_a_walk)
    packets = b"".join(stat(path, entries[path]) for path in paths)
    return Listed(packets + END_OF_LISTING, tuple(paths), entries)
