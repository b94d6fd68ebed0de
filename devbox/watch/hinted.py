"""Which directories the hints since the last scan speak of, as far as they tell. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from devbox.watch.folders import parent

_MOST = 50


class Hinted:
    """What has to be looked at, which is everything to begin with, and again where hints may be missing."""

    def __init__(self, root: str, always: frozenset[str]) -> None:
        """`always` are absolute paths that matter wherever they are: no directory holds all that they do."""
        self._inside = root.rstrip("/") + "/"
        self._always = always
        self._paths: set[str] | None = None

    def add(self, paths: Iterable[str]) -> None:
        """Takes absolute paths as the operating system reports them."""
        if self._paths is None:
            return
        for path in paths:
            if path in self._always or len(self._paths) >= _MOST:
                self._paths = None
                return
            if path.startswith(self._inside):
                self._paths.add(path.removeprefix(self._inside))

    def everything(self) -> None:
        """From now on only a look at everything will do."""
        self._paths = None

    def take(self, known: Collection[str]) -> frozenset[str] | None:
        """The directories to look into, once; None for everything. `known` are those of the last scan: a
        hint about one of them is about what lies in it, too."""
        paths, self._paths = self._paths, set()
        if paths is None:
            return None
        return frozenset({parent(path) for path in paths} | {path for path in paths if path in known})
