from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.lines import line_difference

REQUIREMENTS = "fastapi\nuvicorn\nhttpx==0.28.0\n"


@pytest.mark.parametrize(
    ("former", "now", "told"),
    [
        (REQUIREMENTS, REQUIREMENTS, ""),
        (
            REQUIREMENTS,
            REQUIREMENTS.replace("0.28.0", "0.28.1"),
            "requirements.txt line 3: httpx==0.28.0 -> httpx==0.28.1",
        ),
        (REQUIREMENTS, REQUIREMENTS + "rich\n", "requirements.txt line 4 added: rich"),
        (REQUIREMENTS, "fastapi\nhttpx==0.28.0\n", "requirements.txt line 2 removed: uvicorn"),
        (
            REQUIREMENTS,
            "fastapi\nhttpx==0.28.0\nrich\nanyio\n",
            "requirements.txt line 2 removed: uvicorn, and 2 more lines",
        ),
        (
            REQUIREMENTS,
            "\n" + REQUIREMENTS + "rich\n",
            "requirements.txt line 5 added: rich, and 1 more line",
        ),
        (REQUIREMENTS, REQUIREMENTS + "\n", "requirements.txt line 4 added"),
        (REQUIREMENTS, REQUIREMENTS.replace("\n", "\r\n"), "requirements.txt: line ends changed"),
        (REQUIREMENTS, REQUIREMENTS.replace("uvicorn", "uvicorn "), "requirements.txt line 2 changed"),
        ("", REQUIREMENTS, "requirements.txt line 1 added: fastapi, and 2 more lines"),
        ("a\n" * 3000, "b\n" * 3000, "requirements.txt from line 1 on"),
    ],
)
def test_what_differs_in_a_list_of_dependencies(former: str, now: str, told: str) -> None:
    assert line_difference("requirements.txt", former, now) == told


@pytest.mark.parametrize("path", ["app/settings.py", "config.yaml", "devbox.toml", "secrets.txt"])
def test_of_any_other_file_no_line_is_shown(path: str) -> None:
    assert line_difference(path, "KEY = 1\n", "KEY = 2\n") == f"{path} line 1"
    assert line_difference(path, "", "KEY = 2\n") == f"{path} line 1 added"


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://me:hunter2@pypi.example.org/simple",
        "lib @ git+https://hunter2@github.com/me/lib",
        "--extra-index-url https://pypi.example.org/simple?token=hunter2",
        'password = "hunter2"',
        "api_key: hunter2",
    ],
)
def test_credentials_are_masked(line: str) -> None:
    told = line_difference("requirements.txt", "", line)
    assert "hunter2" not in told
    assert "***" in told


@pytest.mark.parametrize("line", ["tokenizers==0.21", "secret-lib>=2", "password==1"])
def test_packages_that_sound_secret_are_shown(line: str) -> None:
    assert line_difference("requirements.txt", "", line) == f"requirements.txt line 1 added: {line}"


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_difference_is_one_short_line_that_can_be_printed(former: str, now: str) -> None:
    told = line_difference("requirements.txt", former, now)
    assert bool(told) == (former != now)
    assert told.isprintable()
    assert len(told) < 200
