"""The disk: snapshots of the build context, what differs between two, and when to look.

`Watcher` is what the daemon uses; `Scanner` takes a snapshot without watching anything, `survey` without
reading anything.
"""

from devbox.watch.diff import diff
from devbox.watch.ignore import IgnoreRules
from devbox.watch.notices import is_secret
from devbox.watch.scanner import Scanner
from devbox.watch.survey import Survey, has_rules, survey, try_watching
from devbox.watch.values import Degraded, Look, Reason
from devbox.watch.watcher import Watcher

__all__ = [
    "Degraded",
    "IgnoreRules",
    "Look",
    "Reason",
    "Scanner",
    "Survey",
    "Watcher",
    "diff",
    "has_rules",
    "is_secret",
    "survey",
    "try_watching",
]
