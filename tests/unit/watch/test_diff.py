"""What differs between two snapshots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devbox.model import Entry, Kind, Snapshot
from devbox.watch import diff

_ENTRY = st.builds(
    Entry, st.sampled_from(Kind), st.sampled_from([0o644, 0o755]), st.sampled_from(["", "1", "2"])
)
_SNAPSHOT = st.dictionaries(st.text("abc/", min_size=1, max_size=3), _ENTRY, max_size=6).map(
    lambda entries: Snapshot(entries, str(sorted((path, repr(entry)) for path, entry in entries.items())))
)


@given(old=_SNAPSHOT, new=_SNAPSHOT)
def test_applied_to_the_old_it_gives_the_new(old: Snapshot, new: Snapshot) -> None:
    changes = diff(old, new, 1.0, 2.0)
    patched = dict(old.entries)
    for path in changes.removed:
        del patched[path]
    for path in (*changes.added, *changes.modified):
        assert patched.get(path) != new.entries[path]
        assert (path in patched) is (path in changes.modified)
        patched[path] = new.entries[path]
    assert patched == new.entries
    assert (changes.first_seen, changes.last_seen) == (1.0, 2.0)
    assert all(list(group) == sorted(group) for group in (changes.added, changes.modified, changes.removed))
    assert bool(changes) is (old.digest != new.digest)


@given(new=_SNAPSHOT)
def test_at_first_everything_is_new(new: Snapshot) -> None:
    assert diff(None, new, 0, 0).added == tuple(sorted(new.entries))


def test_a_digest_that_differs_alone_is_the_ignored_dockerfile() -> None:
    old, new = Snapshot({}, "1"), Snapshot({}, "2")
    assert diff(old, new, 0, 0).modified == ("Dockerfile",)
    assert diff(old, new, 0, 0, dockerfile="docker/dev").modified == ("docker/dev",)
    assert not diff(old, Snapshot({}, "1"), 0, 0)
