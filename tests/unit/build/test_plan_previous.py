"""What an edit of the Dockerfile or of the build arguments is expected to run again."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import parse
from devbox.build.plan import Previous, make_plan
from devbox.model import ChangeSet, Plan
from tests.unit.build.dockerfiles import SIMPLE, STAGED


def plan(text: str, *modified: str, previous: str) -> Plan:
    """The plan for a Dockerfile that was `previous` before."""
    return make_plan(parse(text), {}, "", ChangeSet(modified=modified), Previous(parse(previous)))


class TestChangedDockerfile:
    def test_an_instruction_and_what_follows_it(self) -> None:
        after = SIMPLE.replace("pip install -r", "pip install --no-cache-dir -r")
        assert plan(after, "Dockerfile", previous=SIMPLE).reasons == {
            "RUN pip install --no-cache-dir -r requirements.txt": "the instruction changed",
            "COPY app app": "follows RUN pip install --no-cache-dir -r requirements.txt",
            "COPY static/*.css templates /srv/": "follows RUN pip install --no-cache-dir -r requirements.txt",
        }

    def test_one_more_at_the_end(self) -> None:
        assert plan(SIMPLE + "RUN late\n", previous=SIMPLE).reasons == {"RUN late": "the instruction is new"}

    def test_one_less_at_the_end(self) -> None:
        assert plan(SIMPLE, previous=SIMPLE + "RUN late\n").reasons == {}

    def test_what_is_no_step_runs_nothing_again(self) -> None:
        before = SIMPLE.replace("EXPOSE 8000", "EXPOSE 9000").replace('CMD ["uvicorn"', 'CMD ["gunicorn"')
        changed = plan(SIMPLE, previous="# a comment\n" + before + "LABEL x=y\n")
        assert changed == Plan("Dockerfile", {})

    def test_a_variable_runs_the_commands_behind_it_again(self) -> None:
        after = SIMPLE.replace("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=0")
        assert list(plan(after, previous=SIMPLE).reasons.items())[:2] == [
            ("RUN pip install -r requirements.txt", "PYTHONUNBUFFERED changed"),
            ("COPY app app", "follows RUN pip install -r requirements.txt"),
        ]

    def test_several_variables(self) -> None:
        after = SIMPLE.replace("PYTHONUNBUFFERED=1", "A=1 B=2")
        found = plan(after, previous=SIMPLE).reasons["RUN pip install -r requirements.txt"]
        assert found == "A and 2 more changed"

    @pytest.mark.parametrize(
        ("before", "after", "reason"),
        [
            ("USER a", "USER b", "USER changed"),
            ('SHELL ["a"]', 'SHELL ["b"]', "SHELL changed"),
        ],
    )
    def test_settings_of_commands(self, before: str, after: str, reason: str) -> None:
        text = "FROM a\n{}\nCOPY b c\nRUN d\n"
        assert plan(text.format(after), previous=text.format(before)).reasons == {"RUN d": reason}

    def test_a_relative_destination_follows_the_directory(self) -> None:
        found = plan("FROM a\nWORKDIR /b\nCOPY c .\n", previous="FROM a\nWORKDIR /x\nCOPY c .\n").reasons
        assert found == {"WORKDIR /b": "the instruction changed", "COPY c .": "WORKDIR changed"}

    def test_a_heredoc(self) -> None:
        text = "FROM a\nCOPY <<EOF /b\n{}\nEOF\n"
        found = plan(text.format("2"), previous=text.format("1")).reasons
        assert found == {"COPY <<EOF /b": "the instruction changed"}

    def test_a_variable_within_a_heredoc(self) -> None:
        text = "FROM a\nENV V={}\nCOPY <<EOF /b\n${{V}}\nEOF\n"
        assert plan(text.format("2"), previous=text.format("1")).reasons == {"COPY <<EOF /b": "V changed"}

    def test_another_base(self) -> None:
        found = plan(SIMPLE, previous=SIMPLE.replace("3.13", "3.12")).reasons
        assert found["FROM python:3.13-slim"] == "the instruction changed"
        assert found["WORKDIR /app"] == "follows FROM python:3.13-slim"

    def test_a_new_stage(self) -> None:
        found = plan(STAGED + "FROM base\nRUN x\n", previous=STAGED).reasons
        assert found == {"RUN x": "the instruction is new"}

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
        assert found["RUN uv sync --extra $EXTRAS"] == "EXTRAS changed"
        assert found["RUN uv sync --extra test"] == "EXTRAS changed"
        assert found["COPY . ."] == "follows RUN uv sync --extra $EXTRAS"
        assert found["COPY --from=builder /app/dist /dist"].startswith("follows RUN uv sync")

    def test_of_a_base_image(self) -> None:
        found = self.reasons_for(STAGED, {"PYTHON": "3.12"}, {})
        assert found["FROM python:${PYTHON}-slim AS base"] == "the instruction changed"
        assert found["COPY main.py ./"] == "follows FROM python:${PYTHON}-slim AS base in base"

    def test_in_a_copy(self) -> None:
        text = "FROM a\nARG D=x\nCOPY b ./\nCOPY b $D/\n"
        assert self.reasons_for(text, {}, {"D": "y"})["COPY b $D/"] == "D changed"
        assert "COPY b ./" not in self.reasons_for(text, {}, {"D": "y"})

    def test_one_that_nobody_declares(self) -> None:
        assert self.reasons_for(STAGED, {}, {"UNKNOWN": "1"}) == {}
