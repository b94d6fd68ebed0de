"""What could be better in a Dockerfile, with the better lines: pure functions over values, no I/O.

Rules that BuildKit's own build checks have are called as there, and `# check=skip=NAME` silences any rule.
"""

from __future__ import annotations

from devbox.build.advice._ignored import ignored
from devbox.build.advice._images import images
from devbox.build.advice._order import SOURCE_FIRST, SOURCE_MOUNTED, order
from devbox.build.advice._packages import packages
from devbox.build.advice._place import Place
from devbox.build.advice._running import running
from devbox.build.advice._secret_names import secrets
from devbox.build.advice._skip import EVERY, skipped
from devbox.build.advice.saving import Saving, saving
from devbox.build.advice.values import Advice, Again, Given
from devbox.build.frontend import is_official

__all__ = ["CACHE_ORDER", "Advice", "Again", "Given", "Saving", "advise", "saving"]

CACHE_ORDER = frozenset({SOURCE_FIRST, SOURCE_MOUNTED})
"""The rules about dependencies that are installed again with each save."""

_RULES = (order, ignored, packages, images, secrets, running)


def advise(given: Given) -> tuple[Advice, ...]:
    """Everything that could be better in what the target is made from, by line; nothing for a frontend that
    is not Docker's own. Raises DockerfileError as stage_closure does."""
    syntax = given.dockerfile.directives.get("syntax", "")
    skips = skipped(given.dockerfile)
    if (syntax and not is_official(syntax)) or EVERY in skips:
        return ()
    place = Place(given)
    # A trigger of ONBUILD counts once, in however many stages it runs.
    found = {(each.line, each.rule, each.message): each for rule in _RULES for each in rule(place)}
    return tuple(found[key] for key in sorted(found) if found[key].rule not in skips)
