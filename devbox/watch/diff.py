"""What differs between two snapshots."""

from __future__ import annotations

from devbox.model import ChangeSet, Snapshot


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
    added = tuple(sorted(after.keys() - before.keys()))
    removed = tuple(sorted(before.keys() - after.keys()))
    # Scans hand entries on that did not change, and most did not.
    others = [path for path, entry in after.items() if before.get(path, entry) is not entry]
    modified = tuple(sorted(path for path in others if before[path] != after[path]))
    if old is not None and old.digest != new.digest and not (added or removed or modified):
        modified = (dockerfile,)
    return ChangeSet(added, modified, removed, first_seen, last_seen)
