"""Putting one entry into a JSONC text, and leaving every other letter of it as it is. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from devbox.vscode.jsonc import Broken, Node, parse, skip_blank

_INDENTED = re.compile(r"[\[{][ \t]*(?:\r?\n)+([ \t]+)\S")
_SHORT = 90
_UNIT = "  "


def put_entries(text: str, version: str, lists: Mapping[str, Sequence[Mapping[str, Any]]], key: str) -> str:
    """The text with these entries in the lists of its root object, each in the place of the one that has the
    same `key`, else behind the others; `version` is added where the root has none.

    What is equal already stays as it is written. An empty text becomes a whole one. Raises Broken for a text
    that is no JSONC, or holds something else where a list belongs.
    """
    if parse(text) is None:
        newline = _newline(text)
        head = text.rstrip() + newline if text.strip("\ufeff \t\r\n") else text.strip(" \t\r\n")
        text = f"{head}{{{newline}}}{newline}"
    if _root(text).member("version") is None:
        text = _insert(text, _root(text), f'"version": {json.dumps(version)}')
    for name, entries in lists.items():
        if not entries:
            continue
        if _root(text).member(name) is None:
            text = _insert(text, _root(text), f"{json.dumps(name)}: []")
        for entry in entries:
            text = _put(text, name, entry, key)
    return text


def render(value: object, unit: str = _UNIT, indent: str = "", newline: str = "\n") -> str:
    """A value as JSON, its first line not indented; what is short and holds nothing nested on one line."""
    if isinstance(value, Mapping):
        parts = [
            f"{json.dumps(key)}: {render(each, unit, indent + unit, newline)}" for key, each in value.items()
        ]
        brackets, blank = "{}", " "
    elif isinstance(value, list | tuple):
        parts = [render(each, unit, indent + unit, newline) for each in value]
        brackets, blank = "[]", ""
    else:
        return json.dumps(value, ensure_ascii=False)
    if not parts:
        return brackets
    nested = any(part[-1] in "]}" for part in parts)
    line = f"{brackets[0]}{blank}{', '.join(parts)}{blank}{brackets[1]}"
    if not nested and len(line) <= _SHORT:
        return line
    inner = f",{newline}".join(f"{indent}{unit}{part}" for part in parts)
    return f"{brackets[0]}{newline}{inner}{newline}{indent}{brackets[1]}"


def _put(text: str, name: str, entry: Mapping[str, Any], key: str) -> str:
    node = _root(text).member(name)
    if node is None or not isinstance(node.value, list):
        raise _misplaced(text, node, f'"{name}" is no list')
    known = [
        item for item in node.items if isinstance(item.value, dict) and item.value.get(key) == entry[key]
    ]
    unit, newline = _unit(text), _newline(text)
    if known:
        if known[0].value == entry:
            return text
        shown = render(entry, unit, _indent_at(text, known[0].start), newline)
        return text[: known[0].start] + shown + text[known[0].end :]
    indent = _indent_within(text, node, unit)
    return _insert(text, node, render(entry, unit, indent, newline))


def _insert(text: str, node: Node, shown: str) -> str:
    """Adds a member or an item behind the last one, and behind whatever is said there in comments."""
    newline, unit = _newline(text), _unit(text)
    close = node.end - 1
    inside = [member for _, member in node.members] or list(node.items)
    indent, outer = _indent_within(text, node, unit), _indent_at(text, node.start)
    trailing = False
    if inside:
        comma = skip_blank(text, inside[-1].end)
        trailing = text[comma] == ","
        if not trailing:
            text = text[: inside[-1].end] + "," + text[inside[-1].end :]
            close += 1
    behind = len(text[:close].rstrip(" \t\r\n"))
    ending = "," if trailing else ""
    return f"{text[:behind]}{newline}{indent}{shown}{ending}{newline}{outer}{text[close:]}"


def _root(text: str) -> Node:
    root = parse(text)
    if root is None or not isinstance(root.value, dict):
        raise _misplaced(text, root, "an object { … } is expected")
    return root


def _misplaced(text: str, node: Node | None, reason: str) -> Broken:
    at = node.start if node is not None else 0
    return Broken(reason, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _indent_within(text: str, node: Node, unit: str) -> str:
    """The indentation of what stands directly in an object or list: that of what stands there already."""
    inside = [member for _, member in node.members] or list(node.items)
    if inside and "\n" in text[node.start : inside[0].start]:
        return _indent_at(text, inside[0].start)
    return _indent_at(text, node.start) + unit


def _indent_at(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    line = text[start:at].removeprefix("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = _INDENTED.search(text)
    return found[1] if found else _UNIT


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
