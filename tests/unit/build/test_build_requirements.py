"""Which line pip and uv complain about; their words are those of pip 26.3 and uv of November 2026."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.dockerfile import parse
from devbox.build.requirements import complaints, installed_by, installed_from

FILES = {
    "requirements.txt": (
        "fastapi==0.115.0\n# c\nstarlette == 0.27.0  # old\n-r more/dev.txt\n  My_Pkg[x]>=1\n"
    ),
    "more/dev.txt": "-c ../limits.txt\npytest\n",
    "pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  "fastapi>=0.115",\n  "my-pkg",\n]\n',
    "loop.txt": "-r loop.txt\nclick\n",
}
PIP = "pip install --no-cache-dir -r requirements.txt"
UV = "uv pip install --system --requirements requirements.txt"
NOT_FOUND = """\
ERROR: Could not find a version that satisfies the requirement {0} (from versions: none)
ERROR: No matching distribution found for {0}
"""
CONFLICT = (
    "ERROR: Cannot install -r requirements.txt (line 1) and starlette==0.27.0 because these package versions "
    "have conflicting dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io/\n"
)
HASH = """\
Collecting fastapi==0.115.0 (from -r requirements.txt (line 1))
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated …
    fastapi==0.115.0 from https://files.example/fastapi.whl (from -r requirements.txt (line 1)):
        Expected sha256 00
             Got        11
"""
INVALID = """\
ERROR: Invalid requirement: 'pytest=>1': Expected semicolon
    pytest=>1
          ^ (from line 2 of more/dev.txt)
"""
UV_MISSING = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because my-pkg was not found in the package registry and you require
      my-pkg[x]>=1, we can conclude that your requirements are unsatisfiable.
"""
UV_CONFLICT = """\
error: No solution found when resolving dependencies
  cause: Because fastapi==0.115.0 depends on starlette>=0.37.2,<0.39.0 and you require fastapi==0.115.0,
         And because you require starlette==0.27.0, we can conclude that your requirements are unsatisfiable.
"""
UV_INVALID = """\
error: Couldn't parse requirement in `requirements.txt` at position 25
  cause: no such comparison operator "=>", must be one of ~= == !=
"""


def places(command: str, log: str) -> list[tuple[str, int, int]]:
    return [(one.file, one.line, one.column) for one in complaints(command, log.splitlines(), FILES.get)]


@pytest.mark.parametrize(
    ("command", "log", "expected"),
    [
        (PIP, NOT_FOUND.format("fastapi==0.115.0"), [("requirements.txt", 1, 1)]),
        (PIP, NOT_FOUND.format("my-pkg>=1"), [("requirements.txt", 5, 3)]),
        (PIP, NOT_FOUND.format("pytest"), [("more/dev.txt", 2, 1)]),
        (PIP, CONFLICT, [("requirements.txt", 1, 1), ("requirements.txt", 3, 1)]),
        (PIP, HASH, [("requirements.txt", 1, 1)]),
        (PIP, INVALID, [("more/dev.txt", 2, 1)]),
        (UV, UV_MISSING, [("requirements.txt", 5, 3)]),
        (UV, UV_CONFLICT, [("requirements.txt", 1, 1), ("requirements.txt", 3, 1)]),
        (UV, UV_INVALID, [("requirements.txt", 3, 1)]),
        ("uv sync --frozen", UV_MISSING, [("pyproject.toml", 5, 4)]),
        ("pip install .", NOT_FOUND.format("fastapi>=0.115"), [("pyproject.toml", 4, 4)]),
        ("pip install -r loop.txt", NOT_FOUND.format("click"), [("loop.txt", 2, 1)]),
        # A dependency of a dependency stands in no file.
        (PIP, NOT_FOUND.format("anyio"), []),
        ("echo hello", NOT_FOUND.format("fastapi"), []),
        (PIP, "", []),
    ],
)
def test_which_line(command: str, log: str, expected: list[tuple[str, int, int]]) -> None:
    assert places(command, log) == expected


def test_what_is_said() -> None:
    def said(command: str, log: str) -> str:
        return complaints(command, log.splitlines(), FILES.get)[0].message

    assert said(PIP, NOT_FOUND.format("my-pkg")) == "No matching distribution found for my-pkg"
    assert said(PIP, CONFLICT) == "conflicting dependencies: fastapi==0.115.0 and starlette==0.27.0"
    assert said(PIP, HASH) == "fastapi==0.115.0 does not match its hash"
    assert said(PIP, INVALID) == "Invalid requirement: 'pytest=>1': Expected semicolon"
    assert said(UV, UV_MISSING) == "my-pkg was not found in the package registry and you require my-pkg[x]>=1"


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("pip install -r a.txt -r b.txt", ["a.txt", "b.txt"]),
        ("python -m pip install --requirement=a.txt", ["a.txt"]),
        ("cd x && /venv/bin/pip3 install -ra.txt", ["a.txt"]),
        ("uv sync", ["pyproject.toml"]),
        ("pip install '.[dev]'", ["pyproject.toml"]),
        ("pip install -e . -c 'limits of us.txt'", ["pyproject.toml", "pyproject.toml", "limits of us.txt"]),
        ("pip install 'unclosed", []),
        ("apt-get install -y -r x", []),
    ],
)
def test_what_a_command_installs_from(command: str, files: list[str]) -> None:
    assert list(installed_from(command)) == files


def test_what_a_dockerfile_installs_from() -> None:
    dockerfile = (
        "FROM x\nRUN pip install uv\nRUN pip install -r a.txt\nRUN uv sync\nRUN pip install -r a.txt\n"
    )
    assert installed_by(parse(dockerfile)) == ("a.txt", "pyproject.toml")


TEXTS = st.lists(
    st.sampled_from(
        [
            *(line for log in (NOT_FOUND, CONFLICT, HASH, INVALID) for line in log.splitlines()),
            *(line for log in (UV_MISSING, UV_CONFLICT, UV_INVALID) for line in log.splitlines()),
        ]
    )
    | st.text(max_size=30),
    max_size=20,
)


@given(TEXTS, st.sampled_from([PIP, UV, "uv sync", "pip install ."]), st.text(max_size=60))
def test_any_log_can_be_read(log: list[str], command: str, file: str) -> None:
    for one in complaints(command, log, lambda _: file):
        assert one.line >= 1
        assert one.column >= 0
