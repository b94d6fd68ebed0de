"""JSON with comments and trailing commas, read with the place of everything in it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"(?:true|false|null)\b")
_DEEPEST = 200


class Broken(Exception):
    """A text that is no JSONC; `line` and `column` count from 1."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Node:
    """One value at text[start:end]. Of an object the `members` are (key, value) in order, of a list the
    `items`; of everything `value` is what Python's json would have made of it."""

    start: int
    end: int
    value: Any
    members: tuple[tuple[str, Node], ...] = ()
    items: tuple[Node, ...] = ()

    def member(self, key: str) -> Node | None:
        """The value of a key, the last one where it stands twice."""
        return next((node for name, node in reversed(self.members) if name == key), None)


def parse(text: str) -> Node | None:
    """The value in a text, None where there is nothing but blanks and comments; raises Broken."""
    reader = _Reader(text)
    reader.skip()
    if reader.at == len(text):
        return None
    node = reader.value(0)
    reader.skip()
    if reader.at < len(text):
        raise reader.broken("nothing may follow the value")
    return node


def skip_blank(text: str, at: int) -> int:
    """The place of the next thing that is neither blank nor comment."""
    match = _BLANK.match(text, at)
    return match.end() if match else at


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0

    def skip(self) -> None:
        self.at = skip_blank(self.text, self.at)
        if self.text.startswith("/*", self.at):
            raise self.broken("a comment does not end")

    def broken(self, reason: str) -> Broken:
        line = self.text.count("\n", 0, self.at) + 1
        return Broken(reason, line, self.at - self.text.rfind("\n", 0, self.at))

    def value(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.broken("too many brackets within each other")
        start, sign = self.at, self.text[self.at : self.at + 1]
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._list(depth)
        if sign == '"':
            value = self._string()
            return Node(start, self.at, value)
        if match := _NUMBER.match(self.text, start):
            self.at = match.end()
            return Node(start, self.at, json.loads(match[0]))
        if match := _WORD.match(self.text, start):
            self.at = match.end()
            return Node(start, self.at, json.loads(match[0]))
        if sign in ("", ",", "]", "}"):
            raise self.broken("a value is missing")
        raise self.broken(f"{sign!r} begins no value")

    def _string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise self.broken("a string does not end on its line")
        try:
            value = json.loads(match[0])
        except ValueError:
            raise self.broken("a string has an escape that is none") from None
        self.at = match.end()
        return str(value)

    def _object(self, depth: int) -> Node:
        start = self.at
        members: list[tuple[str, Node]] = []
        while self._goes_on("}", first=not members):
            if self.text[self.at] != '"':
                raise self.broken("a key in double quotes is missing")
            key = self._string()
            self.skip()
            if self.text[self.at : self.at + 1] != ":":
                raise self.broken("a ':' is missing behind the key")
            self.at += 1
            self.skip()
            members.append((key, self.value(depth + 1)))
        return Node(start, self.at, {key: node.value for key, node in members}, members=tuple(members))

    def _list(self, depth: int) -> Node:
        start = self.at
        items: list[Node] = []
        while self._goes_on("]", first=not items):
            items.append(self.value(depth + 1))
        return Node(start, self.at, [node.value for node in items], items=tuple(items))

    def _goes_on(self, close: str, *, first: bool) -> bool:
        """Steps over the opening bracket or a comma; false once the closing bracket is stepped over."""
        if first:
            self.at += 1
        else:
            self.skip()
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
            elif self.text[self.at : self.at + 1] != close:
                raise self.broken(f"a ',' or '{close}' is missing")
        self.skip()
        if self.at >= len(self.text):
            raise self.broken(f"the end is missing: '{close}'")
        if self.text[self.at] == close:
            self.at += 1
            return False
        return True
