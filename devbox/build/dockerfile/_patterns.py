"""Three kinds of patterns: those of ${name#pattern}, Go's filepath.Match of COPY, and those of --exclude."""

from __future__ import annotations

import re
from functools import lru_cache

from devbox.errors import DockerfileError


def trim_prefix(value: str, pattern: str, *, longest: bool) -> str:
    """`value` without the shortest (or longest) beginning that matches."""
    matcher = _shell_pattern(pattern)
    ends = range(len(value) + 1)
    found = next(
        (end for end in (reversed(ends) if longest else ends) if matcher.fullmatch(value, 0, end)), 0
    )
    return value[found:]


def trim_suffix(value: str, pattern: str, *, longest: bool) -> str:
    """`value` without the shortest (or longest) end that matches."""
    matcher = _shell_pattern(pattern)
    starts = range(len(value) + 1)
    ordered = starts if longest else reversed(starts)
    return value[: next((start for start in ordered if matcher.fullmatch(value, start)), len(value))]


def replace(value: str, pattern: str, replacement: str, *, every: bool) -> str:
    """`value` with the first match (or every match) replaced."""
    parts: list[str] = []
    end = -1
    kept = 0
    for match in _shell_pattern(pattern).finditer(value):
        # As in Go, an empty match right behind another match is none.
        if match.end() == end:
            continue
        parts += (value[kept : match.start()], replacement)
        kept = end = match.end()
        if not every:
            break
    return "".join((*parts, value[kept:]))


@lru_cache(maxsize=256)
def _shell_pattern(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "\\":
            escaped = next(characters, "")
            # } and / must be escaped inside ${}, which is no escape within the pattern.
            if not escaped or escaped not in "*?\\}/":
                raise DockerfileError(
                    f"invalid pattern ({pattern}) in substitution: invalid escape \\{escaped}"
                )
            parts.append(re.escape(escaped))
        else:
            parts.append(re.escape(character))
    return re.compile("".join(parts))


def name_matches(pattern: str, name: str) -> bool:
    """Whether one part of a path matches, after Go's filepath.Match; a malformed pattern matches anything,
    because what it would leave out is not known."""
    matcher = _go_pattern(pattern)
    return matcher is None or matcher.fullmatch(name) is not None


_GO_CLASS_ITEM = re.compile(r"(?:\\(.)|([^\\\]-]))(?:-(?:\\(.)|([^\\\]-])))?", re.DOTALL)


@lru_cache(maxsize=256)
def _go_pattern(pattern: str) -> re.Pattern[str] | None:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "[":
            position, translated = _go_class(pattern, position + 1)
            if not translated:
                return None
            parts.append(translated)
            continue
        position += 1
        if character == "\\":
            if position == len(pattern):
                return None
            parts.append(re.escape(pattern[position]))
            position += 1
        else:
            parts.append({"*": ".*", "?": "."}.get(character) or re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def _go_class(pattern: str, position: int) -> tuple[int, str]:
    negated = pattern.startswith("^", position)
    position += negated
    items: list[str] = []
    while not (items and pattern.startswith("]", position)):
        item = _GO_CLASS_ITEM.match(pattern, position)
        if item is None:
            return position, ""
        position = item.end()
        low = item[1] or item[2]
        high = item[3] or item[4] or low
        if low <= high:
            items.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            # An empty range is no error in Go, it matches nothing.
            items.append("")
    inside = "".join(items)
    if not inside:
        return position + 1, "." if negated else "(?!)"
    return position + 1, f"[{'^' if negated else ''}{inside}]"


def path_matches(pattern: str, path: str) -> bool:
    """Whether a pattern with `**` (--exclude, --parents) matches a path or a folder above it."""
    return _path_pattern(pattern.strip("/")).match(path) is not None


@lru_cache(maxsize=256)
def _path_pattern(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            parts.append("(?:.*/)?")
            position += 3
        elif pattern.startswith("**", position):
            parts.append(".*")
            position += 2
        elif pattern[position] == "[" and (translated := _go_class(pattern, position + 1))[1]:
            position, text = translated
            parts.append(f"(?!/){text}")
        elif pattern[position] == "\\" and position + 1 < len(pattern):
            parts.append(re.escape(pattern[position + 1]))
            position += 2
        else:
            character = pattern[position]
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(character) or re.escape(character))
            position += 1
    return re.compile("".join(parts) + r"(?:/|\Z)", re.DOTALL)
