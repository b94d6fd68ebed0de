"""What the loop has to say that is no stage's own: events worded once, each news said once."""

from __future__ import annotations

import time
from collections.abc import Callable

from devbox.daemon.bypass import bypasses
from devbox.daemon.template import NO_DOCKERFILE
from devbox.daemon.work import Identity, Source
from devbox.errors import BuildFailed as BuildError
from devbox.errors import ConfigError, DevboxError, ServicesFailed, StartFailed, Superseded
from devbox.events import (
    BACK_TO,
    SETTINGS_STAY,
    BuildFailed,
    BuildStarted,
    ChangeDetected,
    ChangeIgnored,
    ContextNotice,
    Emit,
    Failure,
    Problem,
)
from devbox.model import ChangeSet

LEFT_OUT = "develop.watch leaves it out"
_SAME_NEWS = 1.0
_PATHS_TOLD = 200
SHOWN_LINES = 40
"""How much of a log goes with a failure; where it comes from may stand further up."""


class News:
    """Emits the loop's own events; the same news is not said twice within a second."""

    def __init__(self, emit: Emit, own: frozenset[str] = frozenset()) -> None:
        """`own` are files that these very news end up in: of them nothing is said."""
        self._emit, self._own = emit, own
        self._announced: Identity | None = None
        self._noticed: set[str] = set()
        self._last: tuple[object, float] = (None, 0.0)

    def change_detected(self, identity: Identity, cause: str, changes: ChangeSet, seconds: float) -> None:
        """Says once for each state of the disk what differs in it."""
        if self._announced == identity:
            return
        self._announced = identity
        self._emit(
            ChangeDetected(
                cause=cause,
                added=changes.added[:_PATHS_TOLD],
                modified=changes.modified[:_PATHS_TOLD],
                removed=changes.removed[:_PATHS_TOLD],
                seconds=round(seconds, 4),
            )
        )

    def context(self, source: Source) -> None:
        """Says once each what people should know about the build context."""
        snapshot = source.snapshot
        skipped = (f"{path} is left out of the build context: {reason}" for path, reason in snapshot.skipped)
        mounted = (
            f"{path} is mounted writable and part of the build context: each write starts a build, "
            "unless .dockerignore names it"
            for path in source.writable
        )
        secret = (
            f"{path} is part of the build context: a build secret; .dockerignore keeps it out of images"
            for path in source.secret_files
        )
        generated = source.generated
        if generated is None:
            self._noticed.discard(NO_DOCKERFILE)
        template = (NO_DOCKERFILE, *generated.notices) if generated is not None else ()
        for notice in (*template, *snapshot.notices, *skipped, *mounted, *secret, *bypasses(source)):
            if notice not in self._noticed:
                self._noticed.add(notice)
                self._emit(ContextNotice(notice=notice))

    def nothing_changed(self, paths: tuple[str, ...], unheeded: Callable[[str], bool]) -> None:
        """Says that a touched path needs no build, and of those that are `unheeded` why."""
        told = tuple(path for path in paths if path not in self._own)
        aside = tuple(path for path in told if unheeded(path))
        told = tuple(path for path in told if path not in aside)
        if aside:
            self._ignored(LEFT_OUT, aside)
        if told:
            self._ignored("nothing changed", told)

    def back_to(self, revision: int, paths: tuple[str, ...]) -> None:
        """Says that the disk holds again what serves."""
        self._announced = None
        self._ignored(f"{BACK_TO}what revision {revision} serves", paths)

    def settings_changed(self, paths: tuple[str, ...]) -> None:
        """Says that changed settings are in force."""
        self._ignored("settings read again", paths or ("settings",))

    def settings_refused(self, error: ConfigError, paths: tuple[str, ...]) -> None:
        """Says that changed settings cannot be used."""
        hint = f" ({error.hint})" if error.hint else ""
        self._ignored(f"{error}{hint}; {SETTINGS_STAY}", paths)

    def unreadable(
        self, error: DevboxError, build: int, serving: int, problems: tuple[Problem, ...] = ()
    ) -> None:
        """Says that no build can start from what is on disk."""
        self._emit(BuildStarted(build=build, cause="what is on disk cannot be built"))
        failure = failure_of(error, problems)
        self._emit(BuildFailed(build=build, seconds=0.0, failure=failure, serving=serving))

    def still_unreadable(self, error: DevboxError, paths: tuple[str, ...]) -> None:
        """Says of touched paths that nothing comes of it as long as that is so."""
        told = tuple(path for path in paths if path not in self._own)
        if told:
            self._ignored(f"what is on disk cannot be built: {error.what}", told)

    def restless(self, outcome: Superseded) -> None:
        """Says that the context does not come to rest."""
        self._emit(
            ContextNotice(
                notice=f"builds are called off again and again: {outcome}; "
                "what a running program writes belongs into .dockerignore"
            )
        )

    def _ignored(self, reason: str, paths: tuple[str, ...]) -> None:
        if self._is_news((reason, paths)):
            self._emit(ChangeIgnored(reason=reason, paths=paths[:_PATHS_TOLD]))

    def _is_news(self, what: object) -> bool:
        last, at = self._last
        now = time.monotonic()
        if last == what and now - at < _SAME_NEWS:
            return False
        self._last = (what, now)
        return True


def failure_of(error: DevboxError, problems: tuple[Problem, ...] = ()) -> Failure:
    """The event form of an error; `problems` are where it comes from."""
    known = error if isinstance(error, BuildError | StartFailed | ServicesFailed) else None
    return Failure(
        what=error.what,
        cause=error.cause,
        hint=error.hint,
        log=known.log[-SHOWN_LINES:] if known else (),
        exit_status=known.exit_status if isinstance(known, BuildError | StartFailed) else None,
        problems=problems,
    )
