"""What an edit of the Dockerfile or of the build arguments is expected to run again."""

from __future__ import annotations

import pytest

from devbox.build.difference import Previous
from devbox.build.dockerfile import parse
from devbox.build.moved import moved_bases, with_moved_bases
from devbox.build.plan import make_plan
from devbox.model import ChangeSet, Plan
from tests.unit.build.dockerfiles import SIMPLE, STAGED


def plan(text: str, *modified: str, previous: str) -> Plan:
    """The plan for a Dockerfile that was `previous` before."""
    return make_plan(parse(text), {}, "", ChangeSet(modified=modified), Previous(parse(previous)))


class TestChangedDockerfile:
    def test_an_instruction_and_what_follows_it(self) -> None:
        after = SIMPLE.replace("pip install -r", "pip install --pre -r")
        assert plan(after, "Dockerfile", previous=SIMPLE).reasons == {
            "RUN pip install --pre -r requirements.txt": "Dockerfile line 5: the instruction changed",
            "COPY app app": "follows RUN pip install --pre -r requirements.txt",
            "COPY static/*.css templates /srv/": "follows RUN pip install --pre -r requirements.txt",
        }

    def test_one_more_at_the_end(self) -> None:
        assert plan(SIMPLE + "RUN late\n", previous=SIMPLE).reasons == {
            "RUN late": "Dockerfile line 10: the instruction is new"
        }

    def test_one_less_at_the_end(self) -> None:
        assert plan(SIMPLE, previous=SIMPLE + "RUN late\n").reasons == {}

    def test_what_is_no_step_runs_nothing_again(self) -> None:
        before = SIMPLE.replace("EXPOSE 8000", "EXPOSE 9000").replace('CMD ["uvicorn"', 'CMD ["gunicorn"')
        changed = plan(SIMPLE, previous="# a comment\n" + before + "LABEL x=y\n")
        assert changed == Plan("Dockerfile", {})

    def test_a_variable_runs_the_commands_behind_it_again(self) -> None:
        after = SIMPLE.replace("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=0")
        assert list(plan(after, previous=SIMPLE).reasons.items())[:2] == [
            ("RUN pip install -r requirements.txt", "Dockerfile line 2: PYTHONUNBUFFERED changed"),
            ("COPY app app", "follows RUN pip install -r requirements.txt"),
        ]

    def test_several_variables(self) -> None:
        after = SIMPLE.replace("PYTHONUNBUFFERED=1", "A=1 B=2")
        found = plan(after, previous=SIMPLE).reasons["RUN pip install -r requirements.txt"]
        assert found == "Dockerfile line 2: A and 2 more changed"

    @pytest.mark.parametrize(
        ("before", "after", "reason"),
        [
            ("USER a", "USER b", "Dockerfile line 2: USER changed"),
            ('SHELL ["a"]', 'SHELL ["b"]', "Dockerfile line 2: SHELL changed"),
        ],
    )
    def test_settings_of_commands(self, before: str, after: str, reason: str) -> None:
        text = "FROM a\n{}\nCOPY b c\nRUN d\n"
        assert plan(text.format(after), previous=text.format(before)).reasons == {"RUN d": reason}

    def test_a_relative_destination_follows_the_directory(self) -> None:
        found = plan("FROM a\nWORKDIR /b\nCOPY c .\n", previous="FROM a\nWORKDIR /x\nCOPY c .\n").reasons
        assert found == {
            "WORKDIR /b": "Dockerfile line 2: the instruction changed",
            "COPY c .": "Dockerfile line 2: WORKDIR changed",
        }

    def test_a_heredoc(self) -> None:
        text = "FROM a\nCOPY <<EOF /b\n{}\nEOF\n"
        found = plan(text.format("2"), previous=text.format("1")).reasons
        assert found == {"COPY <<EOF /b": "Dockerfile line 2: the instruction changed"}

    def test_a_variable_within_a_heredoc(self) -> None:
        text = "FROM a\nENV V={}\nCOPY <<EOF /b\n${{V}}\nEOF\n"
        assert plan(text.format("2"), previous=text.format("1")).reasons == {
            "COPY <<EOF /b": "Dockerfile line 2: V changed"
        }

    def test_another_base(self) -> None:
        found = plan(SIMPLE, previous=SIMPLE.replace("3.13", "3.12")).reasons
        assert found["FROM python:3.13-slim"] == "Dockerfile line 1: the instruction changed"
        assert found["WORKDIR /app"] == f"{found['FROM python:3.13-slim']}; follows FROM python:3.13-slim"

    def test_a_new_stage(self) -> None:
        found = plan(STAGED + "FROM base\nRUN x\n", previous=STAGED).reasons
        assert found == {"RUN x": "Dockerfile line 22: the instruction is new"}

    def test_another_name_for_a_stage_changes_nothing(self) -> None:
        renamed = STAGED.replace("AS final", "AS last")
        assert plan(renamed, previous=STAGED).reasons == {}

    def test_a_stage_moved_changes_nothing(self) -> None:
        text = "FROM a AS one\nRUN x\nFROM b AS two\nRUN y\nFROM one\nCOPY --from=two /y /\n"
        moved = "FROM b AS two\nRUN y\nFROM a AS one\nRUN x\nFROM one\nCOPY --from=two /y /\n"
        assert plan(moved, previous=text).reasons == {}


class TestChangedBuildArgs:
    def reasons_for(self, text: str, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
        return dict(make_plan(parse(text), after, "", None, Previous(parse(text), before)).reasons)

    def test_from_the_first_use(self) -> None:
        found = self.reasons_for(STAGED, {}, {"EXTRAS": "test"})
        assert "COPY uv.lock pyproject.toml ./" not in found
        assert found["RUN uv sync --extra $EXTRAS"] == "build argument EXTRAS changed"
        assert found["RUN uv sync --extra test"] == "build argument EXTRAS changed"
        assert found["COPY . ."] == "follows RUN uv sync --extra $EXTRAS"
        assert found["COPY --from=builder /app/dist /dist"].startswith("follows RUN uv sync")

    def test_of_a_base_image(self) -> None:
        found = self.reasons_for(STAGED, {"PYTHON": "3.12"}, {})
        assert found["FROM python:${PYTHON}-slim AS base"] == "build argument PYTHON changed"
        assert found["COPY main.py ./"] == (
            "build argument PYTHON changed; follows FROM python:${PYTHON}-slim AS base in base"
        )

    def test_in_a_copy(self) -> None:
        text = "FROM a\nARG D=x\nCOPY b ./\nCOPY b $D/\n"
        assert self.reasons_for(text, {}, {"D": "y"})["COPY b $D/"] == "build argument D changed"
        assert "COPY b ./" not in self.reasons_for(text, {}, {"D": "y"})

    def test_one_that_nobody_declares(self) -> None:
        assert self.reasons_for(STAGED, {}, {"UNKNOWN": "1"}) == {}

    def test_where_it_is_written(self) -> None:
        text = "FROM a\nARG D=x\nRUN b $D\n"
        previous = Previous(parse(text), {"D": "y"})
        found = make_plan(parse(text), {"D": "z"}, "", None, previous, written={"D": "devbox.toml line 3"})
        assert found.reasons["RUN b $D"] == "devbox.toml line 3: build argument D changed"

    def test_a_default_of_the_whole_file(self) -> None:
        after = STAGED.replace("PYTHON=3.13", "PYTHON=3.14")
        found = plan(after, "Dockerfile", previous=STAGED).reasons
        assert found["FROM python:${PYTHON}-slim AS base"] == "Dockerfile line 1: PYTHON changed"

    def test_a_variable_that_is_gone(self) -> None:
        found = plan("FROM a\nRUN b\n", previous="FROM a\nENV V=1\nRUN b\n").reasons
        assert found == {"RUN b": "Dockerfile: V changed"}


class TestComingAndGoing:
    def reasons(self, changes: ChangeSet, lines: dict[str, str] | None = None) -> dict[str, str]:
        text = "FROM a\nCOPY app app\nCOPY . /all\n"
        return dict(make_plan(parse(text), {}, "", changes, Previous(parse(text)), lines=lines).reasons)

    def test_one_file(self) -> None:
        assert self.reasons(ChangeSet(added=("app/x.py",)))["COPY app app"] == "app/x.py added"
        assert self.reasons(ChangeSet(removed=("app/x.py",)))["COPY app app"] == "app/x.py removed"

    def test_a_file_that_was_renamed(self) -> None:
        found = self.reasons(ChangeSet(added=("app/y.py",), removed=("app/x.py",)))
        assert found["COPY app app"] == "app/y.py and 1 more changed"

    def test_what_an_ignore_file_leaves_out(self) -> None:
        changes = ChangeSet(modified=(".dockerignore",), removed=("app/x.py",))
        found = self.reasons(changes, {".dockerignore": ".dockerignore line 2 added"})
        assert found["COPY app app"] == "app/x.py removed (.dockerignore line 2 added)"
        assert self.reasons(changes)["COPY app app"] == "app/x.py removed (.dockerignore changed)"

    def test_an_ignore_file_of_some_folder_is_none(self) -> None:
        changes = ChangeSet(modified=("web/.dockerignore",), removed=("app/x.py",))
        assert self.reasons(changes)["COPY app app"] == "app/x.py removed"


class TestMovedBases:
    TEXT = "FROM a:1 AS one\nRUN x\nFROM b:1\nRUN y\nCOPY --from=one /x /x\nCOPY --from=c:1 /z /z\n"

    def reasons(self, before: tuple[str, ...]) -> dict[str, str]:
        file = parse(self.TEXT)
        moved = moved_bases(file, {}, "", ("1", "2", "3"), before)
        return dict(with_moved_bases(Plan("x", {"RUN y": "known"}), file, {}, "", moved).reasons)

    def test_what_stands_upon_another_image(self) -> None:
        found = self.reasons(("0", "2", "3"))
        assert found["RUN x"] == found["COPY --from=one /x /x"] == "a:1 is another image than before"
        assert "FROM b:1" not in found

    def test_an_image_that_is_copied_from(self) -> None:
        found = self.reasons(("1", "2", "0"))
        assert found == {"RUN y": "known", "COPY --from=c:1 /z /z": "c:1 is another image than before"}

    def test_what_is_known_already_stays(self) -> None:
        assert self.reasons(("1", "0", "3"))["RUN y"] == "known"

    @pytest.mark.parametrize("before", [("1", "2", "3"), (), ("0",)])
    def test_nothing_moved_or_nobody_knows(self, before: tuple[str, ...]) -> None:
        assert self.reasons(before) == {"RUN y": "known"}
