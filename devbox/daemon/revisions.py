"""Which revision is meant by a restart or a rollback. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from devbox.daemon.memory import revision_number
from devbox.daemon.work import Again, Serving, Why
from devbox.engine.values import ImageFacts
from devbox.errors import UsageError
from devbox.model import LABEL_CONFIG_HASH, LABEL_CONTEXT_DIGEST, Revision


def to_restart(serving: Serving | None) -> Again:
    """What serves, or served until it ended; raises UsageError where nothing ever did."""
    if serving is None:
        raise UsageError("there is nothing to restart", hint="the next save builds and starts it")
    return Again(serving.revision, Why.RESTART)


def to_roll_back_to(
    wanted: int, images: Sequence[ImageFacts], serving: int, last: int, fit: Callable[[int], bool]
) -> Again:
    """The kept revision that is `wanted`, or with 0 the newest one before what serves (before the `last` one
    where nothing serves) that is `fit`; raises UsageError where it is not kept or serves already."""
    kept = {number: image for image in images if (number := revision_number(image.labels))}
    told = ", ".join(str(number) for number in sorted(kept) if fit(number)) or "none"
    if not wanted:
        older = [number for number in kept if number < (serving or last) and fit(number)]
        if not older:
            raise UsageError(
                "there is no older revision to roll back to",
                cause=f"kept: {told}",
                hint="keep_images sets how many are kept",
            )
        wanted = max(older)
    if wanted == serving:
        raise UsageError(f"revision {wanted} serves already", cause=f"kept: {told}")
    if wanted not in kept:
        raise UsageError(
            f"revision {wanted} is not kept",
            cause=f"kept: {told}",
            hint="keep_images sets how many are kept",
        )
    labels = kept[wanted].labels
    digest, settings = labels.get(LABEL_CONTEXT_DIGEST, ""), labels.get(LABEL_CONFIG_HASH, "")
    return Again(Revision(wanted, kept[wanted].id, digest, settings), Why.ROLLBACK)
