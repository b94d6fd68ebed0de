"""What a standby is told to change, and when only a build will do."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import parse
from devbox.build.staging import stage, survey
from devbox.model import Cold, Entry, Kind, Snapshot, StagedPath, Staging

_WHOLE = "FROM base\nWORKDIR /code\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"


def snapshot(**files: str) -> Snapshot:
    """Files by name ("__" for "/") with their content, which is their digest; "/" is a folder, "-> x" a
    link."""
    entries = {}
    for name, content in files.items():
        path = name.replace("__", "/")
        if content == "/":
            entries[path] = Entry(Kind.DIRECTORY, 0o755)
        elif content.startswith("-> "):
            entries[path] = Entry(Kind.SYMLINK, 0o777, content)
        else:
            entries[path] = Entry(Kind.FILE, 0o644, content, len(content))
    return Snapshot(dict(sorted(entries.items())), str(files))


def staged(
    dockerfile: str, before: Snapshot, after: Snapshot, *, folders: tuple[str, ...] = ()
) -> tuple[StagedPath, ...] | str:
    found = stage(parse(dockerfile), {}, "", before, after, is_directory=folders.__contains__)
    return found.reason if isinstance(found, Cold) else found.paths


def file(target: str, source: str, mode: int = 0o644, owner: str = "") -> StagedPath:
    return StagedPath(target, Kind.FILE, source, mode, owner)


BASE = snapshot(app="/", app__main="1", app__old="1", link="-> app/main")


def changed(**files: str) -> Snapshot:
    known = {"app": "/", "app__main": "1", "app__old": "1", "link": "-> app/main"}
    return snapshot(**{name: text for name, text in {**known, **files}.items() if text})


def test_a_changed_file_goes_where_copy_puts_it() -> None:
    assert staged(_WHOLE, BASE, changed(app__main="2")) == (file("/code/app/main", "app/main"),)


def test_nothing_that_is_copied_changed() -> None:
    assert staged("FROM base\nWORKDIR /code\nCOPY app app\n", BASE, changed(link="-> x")) == ()


def test_removals_come_first_and_folders_before_what_is_in_them() -> None:
    after = changed(app__old="", new="/", new__deep="/", new__deep__file="1", link="")
    assert staged(_WHOLE, BASE, after) == (
        StagedPath("/code/app/old", None),
        StagedPath("/code/link", None),
        StagedPath("/code/new", Kind.DIRECTORY, "new", 0o755),
        StagedPath("/code/new/deep", Kind.DIRECTORY, "new/deep", 0o755),
        file("/code/new/deep/file", "new/deep/file"),
    )


def test_a_removed_folder_is_removed_once() -> None:
    assert staged(_WHOLE, BASE, snapshot(link="-> app/main")) == (StagedPath("/code/app", None),)


def test_what_becomes_something_else_is_removed_before() -> None:
    assert staged(_WHOLE, BASE, changed(link="1")) == (
        StagedPath("/code/link", None),
        file("/code/link", "link"),
    )


@pytest.mark.parametrize(
    ("instruction", "folders", "target"),
    [
        ("COPY app/main /srv/", (), "/srv/main"),
        ("COPY app/main /srv", (), "/srv"),
        ("COPY app/main /srv", ("/srv",), "/srv/main"),
        ("COPY app/main app/old /srv/", (), "/srv/main"),
        ("COPY app/main other", (), "/code/other"),
        ("COPY app /srv", (), "/srv/main"),
        ("COPY ./app/ ./", (), "/code/main"),
    ],
)
def test_where_a_file_goes(instruction: str, folders: tuple[str, ...], target: str) -> None:
    dockerfile = f"FROM base\nWORKDIR /code\n{instruction}\n"
    assert staged(dockerfile, BASE, changed(app__main="2"), folders=folders) == (file(target, "app/main"),)


def test_owner_and_mode_are_those_of_the_instruction() -> None:
    dockerfile = "FROM base\nARG WHO=app\nCOPY --chown=$WHO:1000 --chmod=750 app /srv\n"
    assert staged(dockerfile, BASE, changed(app__main="2")) == (
        file("/srv/main", "app/main", 0o750, "app:1000"),
    )
    assert survey(parse(dockerfile), {}, "") == (("/srv",), ("app:1000",))


def test_the_last_copy_that_has_a_file_wins() -> None:
    dockerfile = "FROM base\nCOPY one /srv\nCOPY two /srv\n"
    before = snapshot(one="/", one__x="1", two="/", two__x="2")
    assert staged(dockerfile, before, snapshot(one="/", one__x="3", two="/", two__x="2")) == (
        file("/srv/x", "two/x"),
    )
    assert staged(dockerfile, before, snapshot(one="/", one__x="1", two="/")) == (file("/srv/x", "one/x"),)


@pytest.mark.parametrize(
    ("dockerfile", "reason"),
    [
        ("FROM base\nWORKDIR /c\nCOPY app app\nRUN make\n", "RUN make is run again: follows COPY app app"),
        (
            "FROM base AS one\nCOPY app /a\nFROM base\nCOPY --from=one /a /a\n",
            "COPY app /a is run again: app/main changed",
        ),
        ("FROM base\nADD app/main /app\n", "ADD app/main /app is not staged: it may unpack what it copies"),
        (
            "FROM base\nCOPY app app\n",
            "COPY app app is not staged: the base image tells where it goes",
        ),
        ("FROM base\nCOPY --link app /app\n", "COPY --link app /app is not staged: --link"),
        (
            "FROM base\nCOPY app/m[^x]* /app/\n",
            "COPY app/m[^x]* /app/ is not staged: builders read it differently",
        ),
        ("FROM base\nCOPY --chmod=u+x app /app\n", "COPY --chmod=u+x app /app is not staged: --chmod=u+x"),
    ],
)
def test_only_a_build_can_tell(dockerfile: str, reason: str) -> None:
    assert staged(dockerfile, BASE, changed(app__main="2")) == reason


def test_a_named_source_that_is_a_link_is_followed_by_the_builder() -> None:
    dockerfile = "FROM base\nCOPY link /srv/\n"
    assert staged(dockerfile, BASE, changed(link="-> app/old")) == (
        "COPY link /srv/ is not staged: link is a link"
    )


def test_the_survey_asks_for_places_that_may_be_folders() -> None:
    dockerfile = "FROM base\nWORKDIR /c\nCOPY main .\nCOPY main other\nCOPY a b dir/\n"
    assert survey(parse(dockerfile), {}, "") == (("/c/other",), ())


def test_equal_contexts_need_nothing() -> None:
    assert stage(parse(_WHOLE), {}, "", BASE, BASE, is_directory=lambda _: False) == Staging()
