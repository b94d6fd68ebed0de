"""JSONC is read like VS Code does, and an edit touches nothing but its entry."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.vscode.edit import put_entries, render
from devbox.vscode.jsonc import Broken, parse

ENTRY = {"label": "devbox: up", "args": ["up"], "options": {"cwd": "${workspaceFolder}"}}


def put(text: str, entry: dict[str, Any] = ENTRY) -> str:
    return put_entries(text, "2.0.0", {"tasks": [entry]}, "label")


def value(text: str) -> Any:
    node = parse(text)
    return node.value if node else None


def test_comments_order_commas_and_indentation_stay() -> None:
    before = """\
// Ours.
{
    /* of all */
    "version": "2.0.0", // fixed
    "tasks": [
        // the first
        { "label": "lint", "command": "ruff" },
        {
            "label": "test", // often
            "command": "pytest",
        }, // the last
        // and nothing else
    ],
    "inputs": []
}
"""
    after = put(before)
    added = """\
        {
            "label": "devbox: up",
            "args": ["up"],
            "options": { "cwd": "${workspaceFolder}" }
        },
"""
    assert after == before.replace("        // and nothing else\n", f"        // and nothing else\n{added}")
    assert put(after) == after


def test_an_entry_of_the_same_name_is_replaced_in_its_place() -> None:
    before = (
        '{"version":"2.0.0","tasks":[{"label":"a"},\n'
        '\t{"label":"devbox: up", "args": []}, // c\n'
        '\t{"label":"b"}]}'
    )
    after = put(before)
    assert value(after)["tasks"] == [{"label": "a"}, ENTRY, {"label": "b"}]
    assert after.startswith(before[: before.index('\n\t{"label":"devbox') + 2])
    assert after.endswith(before[before.index(", // c") :])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "version": "2.0.0",\n  "tasks": [\n    {"label": "x"}\n  ]\n}\n'),
        ("  \n\n", '{\n  "version": "2.0.0",\n  "tasks": [\n    {"label": "x"}\n  ]\n}\n'),
        ("// mine\n", '// mine\n{\n  "version": "2.0.0",\n  "tasks": [\n    {"label": "x"}\n  ]\n}\n'),
        ("{}", '{\n  "version": "2.0.0",\n  "tasks": [\n    {"label": "x"}\n  ]\n}'),
        ('{"version": "2.0.0"}', '{"version": "2.0.0",\n  "tasks": [\n    {"label": "x"}\n  ]\n}'),
        (
            '{\n\t"version": "2.0.0",\n\t"tasks": [ /* none */ ]\n}\n',
            '{\n\t"version": "2.0.0",\n\t"tasks": [ /* none */\n\t\t{"label": "x"}\n\t]\n}\n',
        ),
        (
            '{\r\n    "tasks": [\r\n    ]\r\n}\r\n',
            '{\r\n    "tasks": [\r\n        {"label": "x"}\r\n    ],\r\n    "version": "2.0.0"\r\n}\r\n',
        ),
    ],
)
def test_where_an_entry_goes(before: str, after: str) -> None:
    assert put(before, {"label": "x"}) == after.replace('{"label": "x"}', '{ "label": "x" }')


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ('{\n  "tasks": [\n    {"label": "a"}\n    {}\n  ]\n}', 4, 5, "a ',' or ']' is missing"),
        ('{\n  "tasks" []}', 2, 11, "a ':' is missing behind the key"),
        ("{\n  tasks: []}", 2, 3, "a key in double quotes is missing"),
        ('{"tasks": [', 1, 12, "the end is missing: ']'"),
        ('{"a": "b\n"}', 1, 7, "a string does not end on its line"),
        ('{"a": "\\x"}', 1, 7, "a string has an escape that is none"),
        ('{"a": 01}', 1, 7, "'0' begins no value"),
        ('{"a": ,}', 1, 7, "a value is missing"),
        ("{} x", 1, 4, "nothing may follow the value"),
        ("{ /* }", 1, 3, "a comment does not end"),
        ('{"tasks": {}}', 1, 11, '"tasks" is no list'),
        ("[]", 1, 1, "an object { … } is expected"),
        ("[" * 300, 1, 202, "too many brackets within each other"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(Broken) as caught:
        put(text)
    assert (caught.value.line, caught.value.column, caught.value.reason) == (line, column, reason)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.lists(
    st.sampled_from([" ", "\n", "\t", "// a \" ' , ] }\n", '/* b " , [ { */', "\n\n  ", "//\n"]), max_size=3
).map("".join)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value with whatever JSONC allows between its parts."""
    trailing = draw(st.booleans())

    def blank() -> str:
        return draw(BLANKS)

    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}{blank()}:{blank()}{draw(written(each))}" for key, each in value.items()]
        brackets = "{}"
    elif isinstance(value, list):
        parts = [draw(written(each)) for each in value]
        brackets = "[]"
    else:
        return json.dumps(value, ensure_ascii=trailing)
    inner = ",".join(f"{blank()}{part}{blank()}" for part in parts)
    if parts and trailing:
        inner += "," + blank()
    return brackets[0] + (inner or blank()) + brackets[1]


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    others = st.dictionaries(st.text(max_size=5), VALUES, max_size=2).map(
        lambda fields: {name: each for name, each in fields.items() if name not in ("tasks", "version")}
    )
    tasks = st.lists(
        VALUES | st.fixed_dictionaries({"label": st.sampled_from(["a", "devbox: up"])}), max_size=4
    )
    root = draw(others)
    if draw(st.booleans()):
        root["tasks"] = draw(tasks)
    if draw(st.booleans()):
        root["version"] = "2.0.0"
    return root, draw(BLANKS) + draw(written(root)) + draw(BLANKS)


def comments(text: str) -> list[str]:
    found = re.findall(r'"(?:[^"\\]|\\.)*"|(//[^\n\r]*|/\*.*?\*/)', text, re.DOTALL)
    return [each for each in found if each]


@given(VALUES.flatmap(lambda value: st.tuples(st.just(value), written(value))))
def test_what_is_read_is_what_json_means(pair: tuple[Any, str]) -> None:
    meant, text = pair
    node = parse(text)
    assert node is not None
    assert node.value == meant
    assert parse(render(meant)) is not None
    assert value(render(meant)) == meant


@given(documents())
def test_an_edit_adds_its_entry_and_leaves_all_else(document: tuple[dict[str, Any], str]) -> None:
    root, before = document
    after = put(before)
    tasks = list(root.get("tasks", []))
    places = [
        at for at, task in enumerate(tasks) if isinstance(task, dict) and task.get("label") == "devbox: up"
    ]
    if places:
        tasks[places[0]] = ENTRY
    else:
        tasks.append(ENTRY)
    assert value(after) == {**root, "tasks": tasks, "version": "2.0.0"}
    if not places:
        assert comments(after) == comments(before)
    assert put(after) == after


@given(st.text(alphabet='{}[],:"/*\\ \n\tab01-', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    line = column = 1
    try:
        parse(text)
    except Broken as error:
        line, column = error.line, error.column
    assert min(line, column) >= 1
