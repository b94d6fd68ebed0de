"""Which lines a RUN that runs again is told to come from, and which files must be remembered for that."""

from __future__ import annotations

from devbox.build.dockerfile import parse
from devbox.build.plan import before_runs, make_plan
from devbox.model import ChangeSet

_PLAIN = """\
FROM base
COPY requirements.txt setup.cfg .
RUN pip install -r requirements.txt
RUN after
COPY app app
"""
_STAGED = """\
FROM base AS packages
COPY requirements.txt .
RUN install --target /packages
FROM base
COPY --from=packages /packages /packages
RUN check
COPY app app
"""
_MOUNTED = """\
FROM base
RUN --mount=type=bind,source=requirements.txt,target=r.txt pip install -r r.txt
COPY app app
"""
_LINES = {"requirements.txt": "requirements.txt line 3: a -> b"}


def _reasons(text: str, *modified: str) -> dict[str, str]:
    return dict(make_plan(parse(text), {}, "", ChangeSet(modified=modified), lines=_LINES).reasons)


def test_a_run_is_told_the_line_and_a_copy_the_file() -> None:
    assert _reasons(_PLAIN, "requirements.txt") == {
        "COPY requirements.txt setup.cfg .": "requirements.txt changed",
        "RUN pip install -r requirements.txt": "requirements.txt line 3: a -> b",
        "RUN after": "requirements.txt line 3: a -> b",
        "COPY app app": "follows COPY requirements.txt setup.cfg .",
    }


def test_of_several_files_the_one_whose_line_is_known_is_told() -> None:
    found = _reasons(_PLAIN, "setup.cfg", "requirements.txt")
    assert found["RUN after"] == "requirements.txt line 3: a -> b; 1 more changed"
    assert _reasons(_PLAIN, "setup.cfg")["RUN after"] == "follows COPY requirements.txt setup.cfg ."


def test_the_line_is_told_across_stages() -> None:
    found = _reasons(_STAGED, "requirements.txt")
    assert found["RUN install --target /packages"] == found["RUN check"] == "requirements.txt line 3: a -> b"


def test_a_file_that_is_mounted_counts_as_one_that_is_copied() -> None:
    found = _reasons(_MOUNTED, "requirements.txt")
    assert set(found.values()) == {"requirements.txt line 3: a -> b", f"follows {_MOUNTED.splitlines()[1]}"}


def test_a_run_behind_a_changed_instruction_is_told_no_line() -> None:
    assert "line" not in str(_reasons(_PLAIN, "app/main.py"))


def test_only_what_a_run_builds_upon_is_to_be_remembered() -> None:
    patterns = [
        [source.pattern for source in before_runs(parse(text), {}, "")]
        for text in (_PLAIN, _STAGED, _MOUNTED, "FROM base\nCOPY . .\n")
    ]
    assert patterns == [["requirements.txt", "setup.cfg"], ["requirements.txt"], ["requirements.txt"], []]
