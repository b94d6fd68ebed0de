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
    ("instruction", "targets"),
    [
        ("COPY app/* /srv/", ["/srv/main"]),
        ("COPY a*/m?in /srv/", ["/srv/main"]),
        ("COPY a[a-p]p /srv/", ["/srv/main"]),
        ("COPY app/m* /srv/one", ["/srv/one"]),
        ("COPY app/o* /srv/one", []),
        ("COPY app/main app/o* no*thing /srv/", ["/srv/main"]),
        ("ADD app /srv", ["/srv/main"]),
    ],
)
def test_patterns_and_add(instruction: str, targets: list[str]) -> None:
    assert staged(f"FROM base\n{instruction}\n", BASE, changed(app__main="2")) == tuple(
        file(target, "app/main") for target in targets
    )


def test_one_file_goes_to_several_places() -> None:
    dockerfile = "FROM base\nCOPY app /one\nWORKDIR /two\nCOPY --chown=7 app/main .\n"
    assert staged(dockerfile, BASE, changed(app__main="2")) == (
        file("/one/main", "app/main"),
        file("/two/main", "app/main", owner="7"),
    )


def test_what_an_earlier_step_left_is_in_both_images() -> None:
    dockerfile = "FROM base\nADD --chown=$WHO app/old /\nCOPY --from=other /a /b\nCOPY app/main /srv/\n"
    assert staged(dockerfile, BASE, changed(app__main="2")) == (file("/srv/main", "app/main"),)


def test_a_link_keeps_its_mode() -> None:
    dockerfile = "FROM base\nCOPY --chmod=700 . /srv\n"
    assert staged(dockerfile, BASE, changed(link="-> x")) == (
        StagedPath("/srv/link", Kind.SYMLINK, "link", 0o777),
    )


def test_folders_change_their_modes_unless_named() -> None:
    before = Snapshot({"a": Entry(Kind.DIRECTORY, 0o755), "a/b": Entry(Kind.DIRECTORY, 0o755)}, "")
    after = Snapshot({"a": Entry(Kind.DIRECTORY, 0o700), "a/b": Entry(Kind.DIRECTORY, 0o700)}, "")
    assert staged("FROM base\nCOPY a /srv\n", before, after) == (
        StagedPath("/srv/b", Kind.DIRECTORY, "a/b", 0o700),
    )


def test_the_container_is_asked_only_where_the_dockerfile_does_not_tell() -> None:
    dockerfile = "FROM base\nCOPY app /srv/\nCOPY app/main /srv\n"
    assert staged(dockerfile, BASE, changed(app__main="2")) == (file("/srv/main", "app/main"),)


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
        (
            "FROM base\nWORKDIR app\nCOPY app app\n",
            "COPY app app is not staged: the base image tells where it goes",
        ),
        (
            "FROM base\nCOPY app $HOME/app\n",
            "COPY app $HOME/app is not staged: HOME may come from the base image",
        ),
        (
            "FROM base\nCOPY app /$TARGETARCH\n",
            "COPY app /$TARGETARCH is not staged: TARGETARCH may come from the base image",
        ),
        ("FROM base\nCOPY app/main /x/.\n", "COPY app/main /x/. is not staged: builders read it differently"),
        ("FROM base\nCOPY app/* /x\n", "COPY app/* /x is not staged: several files have one target"),
        ("FROM base\nCOPY app/main /etc/passwd\n", "/etc/passwd is not like other files"),
        (
            "FROM base\nCOPY . /a/\nCOPY app/main /a/link/\n",
            "COPY app/main /a/link/ is not staged: /a/link is a link",
        ),
        (
            "FROM base\nCOPY app /x\nCOPY gone /y\n",
            "COPY gone /y is not staged: gone is not in the build context",
        ),
        ("FROM base\nCOPY --chown=:7 app /app\n", "COPY --chown=:7 app /app is not staged: --chown=:7"),
        ("FROM base\nCOPY --chmod=1755 app /app\n", "COPY --chmod=1755 app /app is not staged: --chmod=1755"),
        (
            "FROM base\nCOPY app /a\nCOPY --from=other /a /b\n",
            "COPY --from=other /a /b is run again: follows COPY app /a",
        ),
        ("FROM base\nCOPY --chmod=u+x app /app\n", "COPY --chmod=u+x app /app is not staged: --chmod=u+x"),
    ],
)
def test_only_a_build_can_tell(dockerfile: str, reason: str) -> None:
    assert staged(dockerfile, BASE, changed(app__main="2")) == reason


def test_a_folder_that_only_another_copy_still_makes() -> None:
    dockerfile = "FROM base\nCOPY . /srv/\nCOPY app/main /srv/sub/\n"
    before = snapshot(app="/", app__main="1", sub="/")
    assert staged(dockerfile, before, snapshot(app="/", app__main="1")) == (
        "/srv/sub is a folder whose owner only the build knows"
    )


def test_a_pattern_that_begins_or_ends_to_name_something() -> None:
    dockerfile = "FROM base\nCOPY n* /srv/\n"
    assert staged(dockerfile, BASE, changed(new="1")) == (
        "COPY n* /srv/ is not staged: its pattern names something in one image only"
    )


def test_a_source_that_becomes_a_folder() -> None:
    assert staged("FROM base\nCOPY app/main /srv/x\n", BASE, changed(app__main="/")) == (
        "COPY app/main /srv/x is not staged: app/main became something else"
    )


def test_the_dockerfile_itself() -> None:
    before, after = snapshot(Dockerfile="1"), snapshot(Dockerfile="2")
    assert staged("FROM base\nCOPY . /srv\n", before, after) == "the Dockerfile changed"


def test_special_bits_meet_chmod() -> None:
    before, after = (Snapshot({"a": Entry(Kind.FILE, 0o4755, digest)}, digest) for digest in "12")
    assert staged("FROM base\nCOPY --chmod=700 . /srv\n", before, after) == (
        "builders differ in what --chmod makes of a, which has mode 4755"
    )


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
