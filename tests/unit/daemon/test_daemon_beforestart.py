"""Which commands run before a revision starts: each time, or when named files changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devbox.daemon.beforestart import plan_steps, read, written
from devbox.model import BeforeStart, Entry, Kind, Snapshot

ALWAYS = BeforeStart(("seed",))
MIGRATE = BeforeStart(("alembic",), ("alembic/**", "requirements.txt"))


def snapshot(**files: str) -> Snapshot:
    entries = {name.replace("__", "/"): Entry(Kind.FILE, 0o644, digest) for name, digest in files.items()}
    return Snapshot(entries, "whole")


def due(now: Snapshot, record: str = "") -> list[bool]:
    return [step.due for step in plan_steps((ALWAYS, MIGRATE), now, read(record)).all]


def record_of(now: Snapshot) -> str:
    return plan_steps((ALWAYS, MIGRATE), now, {}).record


def test_without_a_record_everything_is_due() -> None:
    assert due(snapshot(main="1")) == [True, True]


def test_what_names_files_runs_when_one_of_them_changed() -> None:
    record = record_of(snapshot(main="1", alembic__one="1"))
    assert due(snapshot(main="2", alembic__one="1"), record) == [True, False]
    for changed in (
        snapshot(main="1", alembic__one="2"),
        snapshot(main="1"),
        snapshot(main="1", alembic__one="1", alembic__versions__two="1"),
        Snapshot(
            {"main": Entry(Kind.FILE, 0o644, "1"), "alembic/one": Entry(Kind.FILE, 0o755, "1")}, "whole"
        ),
    ):
        assert due(changed, record) == [True, True]


def test_a_folder_takes_along_what_is_in_it() -> None:
    plain = BeforeStart(("alembic",), ("alembic",))
    before, after = snapshot(alembic__a__b="1"), snapshot(alembic__a__b="2")
    record = read(plan_steps((plain,), before, {}).record)
    assert not plan_steps((plain,), before, record).due
    assert plan_steps((plain,), after, record).due


def test_another_command_has_not_succeeded_yet() -> None:
    now = snapshot(alembic__one="1")
    other = BeforeStart(("alembic", "upgrade"), MIGRATE.when)
    assert plan_steps((other,), now, read(record_of(now))).due


def test_nothing_to_run_is_nothing_due() -> None:
    assert not plan_steps((), snapshot(main="1"), {}).due


@given(
    st.dictionaries(
        st.from_regex("[0-9a-f]{12}", fullmatch=True), st.from_regex("[0-9a-f]{16}", fullmatch=True)
    )
)
def test_a_record_is_read_as_it_was_written(succeeded: dict[str, str]) -> None:
    assert read(written(succeeded)) == succeeded


@given(st.text())
def test_any_label_is_read(text: str) -> None:
    assert all(key for key in read(text) if key)
