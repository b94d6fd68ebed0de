from __future__ import annotations

from devbox.report.excerpt import excerpt
from tests.unit.report.sessions import PIP_ERROR, TRACEBACK

LIBRARY = (
    '  File "/usr/local/lib/python3.13/site-packages/uvicorn/importer.py", line 19, in import_from_string'
)
IMPORT_SYSTEM = '  File "<frozen importlib._bootstrap>", line 488, in _call_with_frames_removed'


def test_of_a_traceback_the_frames_of_the_application_are_left() -> None:
    assert excerpt(TRACEBACK) == [
        line for line in TRACEBACK if "uvicorn" not in line and "import_mod" not in line
    ]


def test_a_log_that_begins_within_a_frame() -> None:
    log = ("    ~~~~~^^^^^", IMPORT_SYSTEM, '  File "/srv/app/main.py", line 7', "    x = (", "        ^")
    assert excerpt(log) == list(log[2:])


def test_a_traceback_of_libraries_alone_stays_whole() -> None:
    log = (
        LIBRARY,
        "    module = importlib.import_module(module_str)",
        "ModuleNotFoundError: No module named 'app'",
    )
    assert excerpt(log) == list(log)


def test_other_logs_stay_as_they_are_but_for_a_blank_end() -> None:
    assert excerpt((*PIP_ERROR, "", " ")) == list(PIP_ERROR)
    assert excerpt(("    indented", "not")) == ["    indented", "not"]
    assert excerpt(()) == []


def test_the_end_of_a_long_log_is_left() -> None:
    assert excerpt([str(number) for number in range(50)]) == [str(number) for number in range(30, 50)]
