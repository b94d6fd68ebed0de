"""The statements of a Python file, also of one that is being edited. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress

# Of a statement that does not parse, so many of its last lines are done without.
_MOST_TRIED = 20
_BEGINS = re.compile(r"[^\s#)\]}]")
_GOES_ON = re.compile(r"(?:elif|else|except|finally)\b")


def statements(text: str) -> Iterator[ast.stmt]:
    """The top-level statements of a text; of one that does not parse, those that do by themselves."""
    whole = _parsed(text)
    if whole is not None:
        yield from whole
        return
    # A file that is being edited: what stands in its other parts counts all the same.
    for part in _parts(text):
        ends = range(len(part), max(len(part) - _MOST_TRIED, 1), -1)
        tried = (_parsed("\n".join(part[:end])) for end in (*ends, 1))
        yield from next((found for found in tried if found is not None), ())


def _parsed(text: str) -> list[ast.stmt] | None:
    with warnings.catch_warnings(), suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        # Those of other people's string escapes.
        warnings.simplefilter("ignore")
        return ast.parse(text).body
    return None


def _parts(text: str) -> Iterator[list[str]]:
    """The lines of each top-level statement of a text, by where lines begin."""
    part: list[str] = []
    decorated = False
    for line in text.splitlines():
        begins = _BEGINS.match(line) is not None and not _GOES_ON.match(line)
        if begins and not decorated and part:
            yield part
            part = []
        if begins:
            decorated = line.startswith("@")
        part.append(line)
    yield part


def top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when the module is imported, in order."""
    for statement in body:
        match statement:
            case ast.If():
                if not _runs_elsewhere(statement.test):
                    yield from top_level(statement.body)
                yield from top_level(statement.orelse)
            case ast.Try():
                yield from top_level(statement.body)
                for handler in statement.handlers:
                    yield from top_level(handler.body)
                yield from top_level([*statement.orelse, *statement.finalbody])
            case ast.With():
                yield from top_level(statement.body)
            case _:
                yield statement


def _runs_elsewhere(test: ast.expr) -> bool:
    names = {dotted(node) for node in ast.walk(test) if isinstance(node, ast.Name | ast.Attribute)}
    return bool(names & {"__name__", "TYPE_CHECKING", "typing.TYPE_CHECKING"})


def dotted(node: ast.AST | None) -> str:
    """A name with dots as it is written, '' for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""
