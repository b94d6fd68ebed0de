"""Which lines of a file differ, in words short enough for one line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# Comparing takes time that grows with the square of what differs.
_COMPARED = 400
_LINE_SHOWN = 60
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SECRET_VALUE = re.compile(
    r"(?i)((?:token|secret(?:[_-]?key)?|passw(?:or)?d|api[_-]?key|credentials?)[\"']?\s*[=:](?!=)\s*)\S+"
)
_DEPENDENCIES = re.compile(
    r"(?:.*/)?(?:requirements|constraints)/[\w.-]+\.(?:txt|in)|(?:.*/)?(?:[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)|pyproject\.toml|setup\.(?:cfg|py)|Pipfile"
    r"|[\w.-]+\.lock|(?:package|package-lock)\.json|environment\.ya?ml)"
)


@dataclass(frozen=True, slots=True)
class _Edit:
    """One line before and after, None where it is not there; `number` counts from 1."""

    number: int
    before: str | None
    after: str | None


def line_difference(path: str, former: str, now: str) -> str:
    """What differs between two texts of a file, '' where nothing does.

    As in "requirements.txt line 3: a==1 -> a==2", "requirements.txt line 4 added: b, and 2 more lines".

    Only of lists of dependencies are the lines themselves shown, cut to 60 characters, credentials masked:
    any other file may hold what must not be on a screen.
    """
    if former == now:
        return ""
    before, after = former.splitlines(), now.splitlines()
    if before == after:
        return f"{path}: line ends changed"
    same = _common(before, after)
    end = _common(before[same:][::-1], after[same:][::-1])
    old, new = before[same : len(before) - end], after[same : len(after) - end]
    if max(len(old), len(new)) > _COMPARED:
        return f"{path} from line {same + 1} on"
    edits = list(_edits(old, new, same + 1))
    first = next(
        (edit for edit in edits if (edit.before or "").strip() or (edit.after or "").strip()), edits[0]
    )
    more = len(edits) - 1
    return f"{_sentence(path, first)}{f', and {more} more line' + 's' * (more > 1) if more else ''}"


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines the two have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _edits(old: Sequence[str], new: Sequence[str], first: int) -> Iterator[_Edit]:
    """Each line that differs; one that took the place of another is one edit, numbered as in the new text."""
    for kind, a, a_end, b, b_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(a_end - a, b_end - b)):
            before = old[a + offset] if a + offset < a_end else None
            after = new[b + offset] if b + offset < b_end else None
            yield _Edit(first + (a if after is None else b) + offset, before, after)


def _sentence(path: str, edit: _Edit) -> str:
    where = f"{path} line {edit.number}"
    quoted = _DEPENDENCIES.fullmatch(path) is not None
    if edit.before is not None and edit.after is not None:
        if not quoted:
            return where
        before, after = _shown(edit.before), _shown(edit.after)
        return f"{where}: {before} -> {after}" if before != after else f"{where} changed"
    what = "added" if edit.after is not None else "removed"
    text = _shown(edit.after if edit.after is not None else edit.before or "")
    return f"{where} {what}: {text}" if quoted and text else f"{where} {what}"


def _shown(line: str) -> str:
    line = _SECRET_VALUE.sub(r"\1***", _CREDENTIALS.sub("***", line))
    line = "".join(character if character.isprintable() else " " for character in line)
    line = " ".join(line.split())
    return line if len(line) <= _LINE_SHOWN else f"{line[: _LINE_SHOWN - 1]}…"
