"""What differs between two snapshots."""

from __future__ import annotations

from devbox.model import ChangeSet, Entry, Snapshot


def diff(
    old: Snapshot | None,
    new: Snapshot,
    first_seen: float,
    last_seen: float,
    *,
    dockerfile: str = "Dockerfile",
) -> ChangeSet:
    """Every path whose kind, mode or content differs, sorted; all of them are new where there is no `old`.

    Digests that differ over equal entries mean that the Dockerfile changed, which is sent to the builder even
    where it is ignored; it is then reported under the name `dockerfile`. Times are seconds on the monotonic
    clock.
    """
    before = old.entries if old is not None else {}
    after = new.entries
    added = tuple(sorted(path for path in after if path not in before))
    removed = tuple(sorted(path for path in before if path not in after))
    modified = tuple(sorted(path for path, entry in after.items() if _differs(before.get(path), entry)))
    if old is not None and old.digest != new.digest and not (added or removed or modified):
        modified = (dockerfile,)
    return ChangeSet(added, modified, removed, first_seen, last_seen)


def _differs(before: Entry | None, after: Entry) -> bool:
    # Scans hand entries on that did not change, and most did not.
    return before is not after and before is not None and before != after
