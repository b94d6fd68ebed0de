"""Of which builds advice would have saved seconds."""

from __future__ import annotations

import pytest

from devbox.build.advice import advise, saving
from devbox.build.dockerfile import build_steps, stage_closure
from devbox.model import Step, StepState
from tests.unit.build.advised import given

ONE = "FROM base:1\nWORKDIR /a\nCOPY . .\nRUN pip install -r requirements.txt\n"
PROJECT = "FROM base:1\nCOPY . .\nRUN uv sync\n"
STAGES = "FROM base:1 AS one\nCOPY . .\nRUN pip install tea\nFROM base:1\nCOPY --from=one /a /a\n"


def steps(text: str, ran: str, seconds: float = 12.3) -> list[Step]:
    """The steps of a build, of which those ran whose keyword is in `ran`."""
    file = given(text).dockerfile
    every = [step for stage in stage_closure(file) for step in build_steps(file, stage, {})]
    return [
        Step(
            index=number,
            total=len(every),
            instruction=step.name,
            state=StepState.DONE if step.instruction.keyword in ran.split() else StepState.CACHED,
            stage=step.stage_name,
            seconds=seconds if step.instruction.keyword == "RUN" else 0.01,
        )
        for number, step in enumerate(every, 1)
    ]


def test_a_source_edit_that_installed_again() -> None:
    found = saving(advise(given(ONE)), steps(ONE, "COPY RUN"), ("app/main.py",))
    assert found is not None
    assert (found.seconds, found.exact, found.advice.line) == (12.3, True, 4)
    assert found.advice.hint == "copy requirements.txt before the source"


@pytest.mark.parametrize(
    ("ran", "seconds", "changed"),
    [
        ("COPY RUN", 12.3, ("requirements.txt",)),
        ("COPY RUN", 12.3, ("app/main.py", "requirements.txt")),
        ("COPY RUN", 12.3, ("Dockerfile", "app/main.py")),
        ("COPY RUN", 12.3, ()),
        ("COPY RUN", 0.9, ("app/main.py",)),
        ("COPY", 12.3, ("app/main.py",)),
        ("RUN", 12.3, ("app/main.py",)),
        ("WORKDIR COPY RUN", 12.3, ("app/main.py",)),
    ],
)
def test_what_was_not_certainly_in_vain(ran: str, seconds: float, changed: tuple[str, ...]) -> None:
    assert saving(advise(given(ONE)), steps(ONE, ran, seconds), changed) is None


def test_where_part_of_the_work_would_remain_it_is_that_or_less() -> None:
    found = saving(advise(given(PROJECT)), steps(PROJECT, "COPY RUN"), ("app/main.py",))
    assert found is not None
    assert not found.exact


def test_stages_run_beside_one_another() -> None:
    found = saving(advise(given(STAGES)), steps(STAGES, "COPY RUN"), ("app/main.py",))
    assert found is not None
    assert (found.exact, found.seconds) == (False, 12.3)


def test_advice_that_costs_no_seconds() -> None:
    text = "FROM python:3.13\nCOPY . .\nCMD x\n"
    assert saving(advise(given(text)), steps(text, "COPY"), ("app/main.py",)) is None
