"""Which saves lead to nothing because a compose file (`develop.watch`) leaves their files out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from devbox.compose.values import Trigger
from devbox.config import Config
from devbox.daemon.work import Source
from devbox.model import Snapshot
from devbox.watch import IgnoreRules, diff

_JUDGED = 4096


class Unheeded:
    """Says of paths of a build context whether `develop.watch` leaves them out: at least one entry holds the
    path, and none that does is about it. What no entry holds is heeded."""

    def __init__(self, config: Config) -> None:
        """Raises ContextError for a pattern that cannot be read."""
        compose = config.compose
        triggers = compose.triggers if compose is not None else ()
        self._dockerfile = config.dockerfile.as_posix()
        self._context = config.context.as_posix().rstrip("/")
        self._entries: tuple[_Entry, ...] = ()
        if compose is not None and any(each.ignore or each.include for each in triggers):
            self._entries = tuple(_Entry(each, compose.file) for each in triggers)

    def __call__(self, path: str) -> bool:
        """Whether a save of `path`, relative to the context, leads to nothing; one of the Dockerfile never
        does."""
        full = f"{self._context}/{path}"
        held = [each for each in self._entries if each.holds(full)]
        return bool(held) and full != self._dockerfile and not any(each.is_about(full) for each in held)

    def __bool__(self) -> bool:
        """Whether anything can be left out."""
        return bool(self._entries)

    def only(self, former: Snapshot, now: Snapshot, dockerfile: str) -> bool:
        """Whether something differs between two snapshots, and all of that is left out."""
        paths = diff(former, now, 0.0, 0.0, dockerfile=dockerfile).paths if self else ()
        return bool(paths) and all(map(self, paths))

    def taken_for(self, source: Source, known: Iterable[Source | None]) -> Source:
        """What `source` counts as: the first of `known` from which it differs in nothing, or in nothing but
        what is left out; else itself."""
        for each in known if self else ():
            if each is None:
                continue
            if each.identity == source.identity:
                return source
            if (
                each.dockerfile_bytes == source.dockerfile_bytes
                and each.dockerfile_name == source.dockerfile_name
                and each.config.config_hash == source.config.config_hash
                and self.only(each.snapshot, source.snapshot, source.dockerfile_name)
            ):
                return replace(each, config=source.config, seconds=source.seconds, whole=source.whole)
        return source


class _Entry:
    """One entry of `develop.watch`, asked about absolute paths."""

    def __init__(self, trigger: Trigger, file: str) -> None:
        self._path = trigger.path.rstrip("/")
        self._ignored = _matcher(trigger.ignore, f"develop.watch ignore of {file}")
        self._included = _matcher(trigger.include, f"develop.watch include of {file}")
        self._includes_all = not trigger.include

    def holds(self, path: str) -> bool:
        return path == self._path or path.startswith(f"{self._path}/")

    def is_about(self, path: str) -> bool:
        below = path.removeprefix(self._path).removeprefix("/")
        return (self._includes_all or self._included(below)) and not self._ignored(below)


def _matcher(patterns: tuple[str, ...], name: str) -> Callable[[str], bool]:
    rules = IgnoreRules("\n".join(patterns).encode(), file=name)

    @lru_cache(_JUDGED)
    def matches(path: str) -> bool:
        return rules.verdict(path).excluded

    return matches
