"""Why a build starts, and what it is expected to run again: asserted as the text that people read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.difference import Previous
from devbox.build.dockerfile import parse
from devbox.build.plan import (
    affects,
    earliest_affected,
    make_plan,
    rerun_reasons,
    source_only,
)
from devbox.errors import DockerfileError
from devbox.model import ChangeSet, Plan
from tests.unit.build.dockerfiles import SIMPLE, STAGED


def plan(text: str, *modified: str, previous: str | None = None, target: str = "", **args: str) -> Plan:
    """The plan for changed files, or for a Dockerfile that was `previous` before."""
    before = Previous(parse(previous)) if previous is not None else None
    return make_plan(parse(text), args, target, ChangeSet(modified=modified), before)


def reasons(*given: tuple[str, str]) -> dict[str, str]:
    return dict(given)


class TestCause:
    @pytest.mark.parametrize(
        ("changes", "cause"),
        [
            (ChangeSet(modified=("app/main.py",)), "app/main.py"),
            (ChangeSet(added=("a.py",), removed=("b.py",)), "a.py and 1 more"),
            (ChangeSet(modified=("app/main.py", "b", "c")), "app/main.py and 2 more"),
            (ChangeSet(added=("new", "new/deep", "new/deep/a.py")), "new/deep/a.py"),
            (ChangeSet(added=("new",)), "new"),
            (ChangeSet(modified=("b", "Dockerfile")), "Dockerfile and 1 more"),
            (ChangeSet(modified=("line\nend\udcff.py",)), "line�end�.py"),
            (ChangeSet(), "nothing changed"),
        ],
    )
    def test_of_changed_files(self, changes: ChangeSet, cause: str) -> None:
        assert make_plan(parse(SIMPLE), {}, "", changes).cause == cause

    def test_first_build(self) -> None:
        assert make_plan(parse(SIMPLE), {}, "", None) == Plan(
            "first build",
            reasons(
                ("FROM python:3.13-slim", "first build"),
                ("WORKDIR /app", "first build"),
                ("COPY requirements.txt ./", "first build"),
                ("RUN pip install -r requirements.txt", "first build"),
                ("COPY app app", "first build"),
                ("COPY static/*.css templates /srv/", "first build"),
            ),
        )

    def test_first_build_of_a_target_names_its_stages_only(self) -> None:
        found = make_plan(parse(STAGED), {}, "assets", None).reasons
        assert list(found) == [
            "FROM node:22 AS assets",
            "COPY web web",
            "RUN --mount=type=bind,source=package.json,target=package.json npm ci",
        ]

    def test_the_dockerfile_outside_the_context(self) -> None:
        assert plan(SIMPLE + "USER x\n", previous=SIMPLE).cause == "Dockerfile"
        read, before = parse(SIMPLE + "USER x\n", "docker/dev"), Previous(parse(SIMPLE, "docker/dev"))
        changes = ChangeSet(modified=("a",))
        assert make_plan(read, {}, "", changes, before).cause == "docker/dev and 1 more"

    def test_settings(self) -> None:
        before = Previous(parse(SIMPLE), {"A": "1"})
        assert make_plan(parse(SIMPLE), {"A": "2"}, "", None, before).cause == "settings changed"
        assert make_plan(parse(SIMPLE), {"A": "2"}, "", ChangeSet(), before).cause == "settings changed"

    def test_override(self) -> None:
        asked = make_plan(parse(SIMPLE), {}, "", ChangeSet(), cause="asked for")
        assert (asked.cause, dict(asked.reasons)) == ("asked for", {})
        assert make_plan(parse(SIMPLE), {}, "", None, cause="asked for").cause == "asked for"


class TestChangedFiles:
    def test_a_dependency(self) -> None:
        assert plan(SIMPLE, "requirements.txt").reasons == reasons(
            ("COPY requirements.txt ./", "requirements.txt changed"),
            ("RUN pip install -r requirements.txt", "follows COPY requirements.txt ./"),
            ("COPY app app", "follows COPY requirements.txt ./"),
            ("COPY static/*.css templates /srv/", "follows COPY requirements.txt ./"),
        )

    def test_the_source(self) -> None:
        assert plan(SIMPLE, "app/main.py").reasons == reasons(
            ("COPY app app", "app/main.py changed"),
            ("COPY static/*.css templates /srv/", "follows COPY app app"),
        )

    def test_several(self) -> None:
        found = plan(SIMPLE, "app/a.py", "app/b.py", "app/c.py", "app/d.py", "static/x.css", "static/x.js")
        assert found.reasons == reasons(
            ("COPY app app", "app/a.py and 3 more changed"),
            ("COPY static/*.css templates /srv/", "static/x.css changed"),
        )

    def test_what_no_step_reads(self) -> None:
        assert plan(SIMPLE, "README.md", "static/x.js", "tests/a.py").reasons == {}

    def test_a_later_step_keeps_its_own_reason(self) -> None:
        assert plan(SIMPLE, "requirements.txt", "app/a.py").reasons["COPY app app"] == "app/a.py changed"

    def test_through_stages(self) -> None:
        assert plan(STAGED, "uv.lock").reasons == reasons(
            ("COPY uv.lock pyproject.toml ./", "uv.lock changed"),
            ("RUN uv sync --extra $EXTRAS", "follows COPY uv.lock pyproject.toml ./"),
            ("RUN uv sync --extra dev", "follows COPY uv.lock pyproject.toml ./"),
            ("COPY . .", "uv.lock changed"),
            ("RUN uv build", "follows COPY uv.lock pyproject.toml ./"),
            ("COPY --from=builder /app/dist /dist", "follows COPY uv.lock pyproject.toml ./ in builder"),
            ("RUN pip install /dist/app.whl", "follows COPY --from=builder /app/dist /dist"),
            ("COPY --from=assets /web/dist /static", "follows COPY --from=builder /app/dist /dist"),
            ("COPY main.py ./", "follows COPY --from=builder /app/dist /dist"),
        )

    def test_a_bind_mount_reads_the_context(self) -> None:
        assert plan(STAGED, "package.json", target="assets").reasons == reasons(
            (
                "RUN --mount=type=bind,source=package.json,target=package.json npm ci",
                "package.json changed",
            ),
        )

    def test_other_stages_are_left_alone(self) -> None:
        assert plan(STAGED, "web/a.ts", target="builder").reasons == reasons(
            ("COPY . .", "web/a.ts changed"), ("RUN uv build", "follows COPY . .")
        )

    def test_a_stage_whose_base_stage_runs_again(self) -> None:
        text = "FROM a AS one\nCOPY x .\nFROM one AS two\nRUN b\nFROM two\nWORKDIR /\nRUN c\n"
        assert plan(text, "x").reasons == reasons(
            ("COPY x .", "x changed"),
            ("RUN b", "follows COPY x . in one"),
            ("RUN c", "follows COPY x . in one"),
        )

    def test_unnamed_stages(self) -> None:
        text = "FROM a\nCOPY x .\nFROM b\nCOPY --from=0 x y\n"
        assert plan(text, "x").reasons["COPY --from=0 x y"] == "follows COPY x . in stage 0"

    def test_a_mount_from_a_stage(self) -> None:
        text = "FROM a AS one\nCOPY x .\nFROM b\nRUN c\nRUN --mount=from=one,target=/one d\n"
        assert plan(text, "x").reasons == reasons(
            ("COPY x .", "x changed"), ("RUN --mount=from=one,target=/one d", "follows COPY x . in one")
        )

    def test_variables_in_sources(self) -> None:
        text = "FROM a\nARG DIR=src\nCOPY $DIR/main.py ./\n"
        assert plan(text, "src/main.py").reasons == reasons(
            ("COPY $DIR/main.py ./", "src/main.py changed"), ("COPY src/main.py ./", "src/main.py changed")
        )
        assert plan(text, "src/main.py", DIR="lib").reasons == {}

    def test_onbuild(self) -> None:
        text = "FROM a AS one\nONBUILD COPY . /x\nFROM one\nRUN b\n"
        assert plan(text, "f").reasons == reasons(
            ("ONBUILD COPY . /x", "f changed"), ("RUN b", "follows ONBUILD COPY . /x")
        )

    def test_equal_texts_keep_the_first_reason(self) -> None:
        text = "FROM a AS one\nCOPY . .\nFROM a\nCOPY . .\n"
        assert plan(text, "f").reasons == {"COPY . .": "f changed"}


class TestSourceOnly:
    @pytest.mark.parametrize(
        ("text", "paths", "expected"),
        [
            (SIMPLE, ["app/main.py"], True),
            (SIMPLE, ["app/main.py", "README.md"], True),
            (SIMPLE, ["static/a.css"], True),
            (SIMPLE, ["requirements.txt"], False),
            (SIMPLE, ["README.md"], False),
            (SIMPLE, [], False),
            (STAGED, ["main.py"], False),
            ("FROM a\nCOPY . .\nWORKDIR /app\n", ["x"], True),
            ("FROM a\nCOPY . .\nRUN b\n", ["x"], False),
            ("FROM a\nADD . .\n", ["x.py"], True),
            ("FROM a\nADD . .\n", ["x.tar.gz"], False),
            ("FROM a\nADD x.TGZ /\n", ["x.TGZ"], False),
            ("FROM a\nCOPY . .\n", ["x.tar.gz"], True),
            ("FROM a AS one\nCOPY . .\nFROM b\nCOPY --from=one /x /x\n", ["x"], False),
            ("FROM a AS one\nCOPY . .\nFROM one\nWORKDIR /y\n", ["x"], False),
            ("FROM a AS one\nRUN b\nFROM one\nCOPY . .\n", ["x"], True),
            ("FROM a\nRUN --mount=target=/x c\n", ["x"], False),
        ],
    )
    def test_cases(self, text: str, paths: list[str], expected: bool) -> None:
        assert source_only(parse(text), {}, "", paths) is expected


class TestAffects:
    def test_keys_are_stage_and_line(self) -> None:
        assert affects(parse(SIMPLE), {}, "", ["app/x"]) == {(0, 6), (0, 7)}
        assert affects(parse(STAGED), {}, "assets", ["web/x"]) == {(2, 13), (2, 14)}

    def test_reasons_by_key(self) -> None:
        assert rerun_reasons(parse(SIMPLE), {}, "", ["app/x"]) == {
            (0, 6): "app/x changed",
            (0, 7): "follows COPY app app",
        }

    @pytest.mark.parametrize(
        ("paths", "text"),
        [
            (["requirements.txt", "app/x"], "COPY requirements.txt ./"),
            (["app/x"], "COPY app app"),
            (["README.md"], None),
        ],
    )
    def test_earliest(self, paths: list[str], text: str | None) -> None:
        read = parse(SIMPLE)
        index = earliest_affected(read, {}, "", paths)
        assert (read.instructions[index].text if index is not None else None) == text

    def test_an_unknown_target(self) -> None:
        with pytest.raises(DockerfileError):
            affects(parse(SIMPLE), {}, "nope", [])


PATHS = st.lists(
    st.sampled_from(
        ["uv.lock", "pyproject.toml", "web/a", "web", "package.json", "main.py", "x", "static/a.css", "app/a"]
    ),
    unique=True,
)
FILES = st.sampled_from([SIMPLE, STAGED])


@given(FILES, PATHS, PATHS)
def test_more_changes_never_affect_less(text: str, some: list[str], more: list[str]) -> None:
    read = parse(text)
    assert affects(read, {}, "", some) <= affects(read, {}, "", [*some, *more])


@given(FILES, PATHS)
def test_within_a_stage_everything_behind_an_affected_step_is_affected(text: str, paths: list[str]) -> None:
    read = parse(text)
    found = affects(read, {}, "", paths)
    steps = {(one.stage, one.line) for one in read.instructions if one.keyword in {"RUN", "COPY", "WORKDIR"}}
    for stage, line in found:
        assert {key for key in steps if key[0] == stage and key[1] > line} <= found


@given(FILES, PATHS)
def test_source_only_means_that_no_command_runs(text: str, paths: list[str]) -> None:
    read = parse(text)
    if source_only(read, {}, "", paths):
        by_line = {one.line: one for one in read.instructions}
        keywords = {by_line[line].keyword for _, line in affects(read, {}, "", paths)}
        assert keywords <= {"COPY", "ADD", "WORKDIR"}
        assert keywords
