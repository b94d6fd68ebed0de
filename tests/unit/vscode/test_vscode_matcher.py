"""The interpreter of problem matchers, against the examples of VS Code's documentation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vscode.matching import matched

GCC = {
    "owner": "cpp",
    "fileLocation": ["relative", "${workspaceFolder}"],
    "pattern": {
        "regexp": "^(.*):(\\d+):(\\d+):\\s+(warning|error):\\s+(.*)$",
        "file": 1,
        "line": 2,
        "column": 3,
        "severity": 4,
        "message": 5,
    },
}
ESLINT = {
    "owner": "javascript",
    "fileLocation": ["relative", "${workspaceFolder}"],
    "pattern": [
        {"regexp": "^([^\\s].*)$", "file": 1},
        {
            "regexp": "^\\s+(\\d+):(\\d+)\\s+(error|warning|info)\\s+(.*)\\s\\s+(.*)$",
            "line": 1,
            "column": 2,
            "severity": 3,
            "message": 4,
            "code": 5,
            "loop": True,
        },
    ],
}
TSC = {
    "owner": "typescript",
    "fileLocation": "relative",
    "pattern": {
        "regexp": "^([^\\s].*)\\((\\d+|\\d+,\\d+)\\):\\s+(error|warning|info)\\s+(TS\\d+)\\s*:\\s*(.*)$",
        "file": 1,
        "location": 2,
        "severity": 3,
        "code": 4,
        "message": 5,
    },
    "background": {
        "activeOnStart": True,
        "beginsPattern": "^\\s*\\d{1,2}:\\d{1,2}:\\d{1,2}( AM| PM)? - File change detected\\.",
        "endsPattern": "^\\s*\\d{1,2}:\\d{1,2}:\\d{1,2}( AM| PM)? - Compilation complete\\.",
    },
}


def task(matcher: object) -> dict[str, Any]:
    return {"problemMatcher": matcher}


def test_a_pattern_of_one_line() -> None:
    output = "helloWorld.c:5:3: warning: implicit declaration of function ‘prinft’\ngcc: done\n"
    expected = ("helloWorld.c", 5, 3, "warning", "implicit declaration of function ‘prinft’")
    assert matched(task(GCC), output).problems == (expected,)


def test_a_pattern_that_loops() -> None:
    output = (
        "test.js\n"
        '  1:0   error  Missing "use strict" statement                 strict\n'
        "  1:9   error  foo is defined but never used                  no-unused-vars\n"
        "\n"
        "other.js\n"
        "  2:5   warning  odd  some-rule\n"
        "✖ 3 problems (3 errors, 0 warnings)\n"
        "  9:9   error  belongs to no file  x\n"
    )
    assert matched(task(ESLINT), output).problems == (
        ("test.js", 1, 0, "error", 'Missing "use strict" statement'),
        ("test.js", 1, 9, "error", "foo is defined but never used"),
        ("other.js", 2, 5, "warning", "odd"),
        # Any line may be a file's name for the first of these two patterns.
        ("✖ 3 problems (3 errors, 0 warnings)", 9, 9, "error", "belongs to no file"),
    )


def test_rounds_of_a_background_task() -> None:
    output = (
        "a.ts(1,2): error TS1: one\n"
        "b.ts(3): error TS2: two\n"
        "10:00:00 AM - Compilation complete. Watching for file changes.\n"
        "10:01:00 AM - File change detected. Starting incremental compilation...\n"
        "b.ts(4,1): warning TS3: three\n"
        "10:01:01 AM - Compilation complete. Watching for file changes.\n"
        "10:02:00 AM - File change detected. Starting incremental compilation...\n"
        "10:02:01 AM - Compilation complete. Watching for file changes.\n"
    )
    found = matched(task(TSC), output)
    assert found.ended == (
        (("a.ts", 1, 2, "error", "one"), ("b.ts", 3, 0, "error", "two")),
        (("b.ts", 4, 1, "warning", "three"),),
        (),
    )


def test_a_round_that_is_under_way_is_not_begun_again() -> None:
    output = (
        "a.ts(1,2): error TS1: one\n"
        "10:01:00 AM - File change detected.\n"
        "10:01:01 AM - Compilation complete.\n"
        "10:01:02 AM - Compilation complete.\n"
    )
    found = matched(task(TSC), output)
    assert found.ended == ((("a.ts", 1, 2, "error", "one"),),)
    assert found.problems == found.ended[0]


def test_messages_of_several_lines_are_joined() -> None:
    matcher = {
        "pattern": [
            {"regexp": "^at (.*):(\\d+)$", "file": 1, "line": 2},
            {"regexp": "^(.*)$", "message": 1},
            {"regexp": "^> (.*)$", "message": 1},
        ]
    }
    output = "at x.py:3\nfirst\n> second\nat y.py:4\nfirst\nno second\n"
    assert matched(task(matcher), output).problems == (("x.py", 3, 0, "error", "first\nsecond"),)


def test_whole_files_and_absolute_paths() -> None:
    matcher = [
        {
            "severity": "warning",
            "fileLocation": "absolute",
            "pattern": {"regexp": "^(/.*): bad$", "kind": "file"},
        },
        {"fileLocation": "autoDetect", "pattern": {"regexp": "^(\\S+?):(\\d+):?(\\d+)? (.*)$", "message": 4}},
    ]
    output = "/etc/hosts: bad\n/etc/hosts:2 worse\n\x1b[31mx.py:1 red\x1b[0m\r\n"
    problems = matched(task(matcher), output, "/etc").problems
    assert problems[0] == ("hosts", 1, 1, "warning", "/etc/hosts: bad")
    assert problems[1] == ("hosts", 2, 0, "error", "worse")
    assert problems[2][1:] == (1, 0, "error", "red")


@pytest.mark.parametrize(
    "matcher",
    [
        {"pattern": [{"regexp": "x", "file": 1, "message": 1}]},
        {"pattern": [{"regexp": "x", "loop": True}, {"regexp": "y", "file": 1, "line": 2, "message": 3}]},
        {"pattern": [{"regexp": "x", "file": 1, "line": 1}]},
        "$tsc",
    ],
)
def test_matchers_that_vs_code_refuses(matcher: object) -> None:
    with pytest.raises(AssertionError):
        matched(task(matcher), "x\n")
