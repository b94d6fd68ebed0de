"""The listing of a context: every path in the order that BuildKit insists on, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from devbox.build.filesync.packets import END_OF_LISTING, stat
from devbox.model import Entry, Kind

LinkTarget = Callable[[str, Entry], str]


@dataclass(frozen=True, slots=True)
class Listed:
    """`packets` are the listing as it is sent; a file is asked for by its place in `paths`. `new` are those
    that the listing before did not have like that."""

    packets: bytes
    paths: tuple[str, ...]
    entries: Mapping[str, Entry]
    new: tuple[str, ...] = field(default=(), compare=False)


class Listings:
    """Makes listings, remembering those parts of the last one that are in the next one too.

    Not for two threads at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Entry | None, bytes]] = {}
        self._parents: frozenset[str] = frozenset()

    def make(self, entries: Mapping[str, Entry], link_target: LinkTarget) -> Listed | None:
        """Lists the entries; None where the protocol has no form for them: names that are no UTF-8, and paths
        whose folders are not among them. `link_target` tells where a link leads."""
        if entries.keys() != self._known.keys():
            self._order(entries)
        known = self._known
        new = [path for path, entry in entries.items() if _differs(known[path][0], entry)]
        try:
            for path in new:
                self._known[path] = entries[path], _packet(path, entries[path], link_target)
        except UnicodeEncodeError:
            return None
        if not all(path in entries and entries[path].kind is Kind.DIRECTORY for path in self._parents):
            return None
        packets = b"".join([packet for _, packet in self._known.values()])
        return Listed(packets + END_OF_LISTING, tuple(self._known), entries, tuple(new))

    def _order(self, entries: Mapping[str, Entry]) -> None:
        """Puts what is known into the order of a walk over these entries, and notes their folders."""
        known, new = self._known, (None, b"")
        self._known = {path: known.get(path, new) for path in sorted(entries, key=_in_a_walk)}
        self._parents = frozenset(path.rpartition("/")[0] for path in entries) - {""}


def _differs(known: Entry | None, entry: Entry) -> bool:
    return known is not entry and (known is None or known != entry or known.mtime != entry.mtime)


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
