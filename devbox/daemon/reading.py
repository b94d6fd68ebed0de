"""What is on disk as the loop takes it: read, or found not to be something that can be built, and said so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from devbox.daemon.news import News
from devbox.daemon.project import Project
from devbox.daemon.work import Source
from devbox.errors import ConfigError, DevboxError, UsageError
from devbox.watch import Look, Reason

# A disk that is busy may keep a writer waiting between truncating a file and filling it.
_SAVING = 0.3
_BEGUN_BY_THEN = 0.05


@dataclass(frozen=True, slots=True)
class Unusable:
    """No build can start from what is on disk; `news` where that was not told yet."""

    error: DevboxError
    news: bool = False


class Reading:
    """Reads one project for its loop; `look_again` has it looked at once more in so many seconds. While
    `paused`, nothing is news."""

    def __init__(
        self,
        project: Project,
        news: News,
        look_again: Callable[[float], None],
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._project, self._news, self._look_again, self._paused = project, news, look_again, paused
        self._failed = self._told = ""
        self._failed_at = 0.0

    async def reload(self, look: Look) -> bool | Unusable:
        """Takes settings into force that were written since; true where there were any."""
        try:
            reloaded = await self._project.reload()
        except ConfigError as error:
            self._news.settings_refused(error, look.paths)
            return Unusable(error)
        if reloaded:
            self._news.settings_changed(look.paths)
        return reloaded

    async def read(self, look: Look) -> Source | Unusable | None:
        """What is on disk; None where that is to be looked at again first."""
        try:
            source = await self._project.read(hinted=look.reason is Reason.EVENT and not look.extra_files)
        except ConfigError as error:
            self._news.settings_refused(error, look.paths)
            return Unusable(error)
        except UsageError as error:
            return self._unreadable(error, look)
        self._failed = self._told = ""
        if not source.whole:
            # A build may begin with what the hints spoke of; all else is looked at beside it, and not before
            # it has begun: both would take turns.
            self._look_again(_BEGUN_BY_THEN)
        return source

    def _unreadable(self, error: UsageError, look: Look) -> Unusable | None:
        """What is being saved at this very moment is looked at again first: also by looks that follow upon
        each other, as they do for one save."""
        now = time.monotonic()
        if self._failed != str(error):
            self._failed, self._failed_at = str(error), now
        if now - self._failed_at < _SAVING:
            self._look_again(_SAVING)
            return None
        if self._paused():
            return Unusable(error)
        if self._told != str(error):
            self._told = str(error)
            return Unusable(error, news=True)
        if look.reason is Reason.EVENT:
            self._news.still_unreadable(error, look.paths)
        return Unusable(error)
