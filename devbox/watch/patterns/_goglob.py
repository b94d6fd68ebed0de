"""Go's filepath.Match, which the builder asks for its opinion on a pattern's syntax."""

from __future__ import annotations


def match(pattern: str, name: str) -> bool:
    """True where Go's filepath.Match says so; raises ValueError, with the cause in words, where it finds the
    pattern malformed. It reads a pattern only as far as the name leads it, so that what it accepts for one
    name it may refuse for another (https://pkg.go.dev/path/filepath#Match)."""
    while pattern:
        starred = pattern.startswith("*")
        pattern = pattern.lstrip("*")
        end = _end_of_chunk(pattern)
        chunk, pattern = pattern[:end], pattern[end:]
        if starred and not chunk:
            return "/" not in name
        reach = len(name.partition("/")[0]) if starred else 0
        for skipped in range(reach + 1):
            left = _after(chunk, name[skipped:])
            if left is not None and (pattern or not left):
                name = left
                break
        else:
            return False
    return not name


def _end_of_chunk(pattern: str) -> int:
    """Where the next star outside of brackets stands; brackets are taken to open and close as they come."""
    at = 0
    inside = False
    while at < len(pattern) and (inside or pattern[at] != "*"):
        if pattern[at] in "[]":
            inside = pattern[at] == "["
        at += 2 if pattern[at] == "\\" else 1
    return min(at, len(pattern))


def _after(chunk: str, name: str) -> str | None:
    """What of `name` follows the part that `chunk`, which holds no star, matches; None where it does not
    match, which is found out only after the rest of the chunk was read."""
    matching = True
    while chunk:
        char = name[:1]
        if chunk[0] == "[":
            matched, chunk = _class(chunk[1:], char)
        elif chunk == "\\":
            raise ValueError("it ends with a lone \\")
        elif chunk[0] == "?":
            matched, chunk = char != "/", chunk[1:]
        else:
            chunk = chunk.removeprefix("\\")
            matched, chunk = char == chunk[0], chunk[1:]
        matching = matching and bool(char) and matched
        name = name[1:]
    return name if matching else None


def _class(chunk: str, char: str) -> tuple[bool, str]:
    negated = chunk.startswith("^")
    chunk = chunk.removeprefix("^")
    matched = False
    first = True
    while first or not chunk.startswith("]"):
        first = False
        low, chunk = _member(chunk)
        high = low
        if chunk.startswith("-"):
            high, chunk = _member(chunk[1:])
        matched = matched or low <= char <= high
    return matched is not negated, chunk[1:]


def _member(chunk: str) -> tuple[str, str]:
    if chunk[:1] in {"-", "]"}:
        raise ValueError(f"an unescaped {chunk[0]} inside of brackets")
    chunk = chunk.removeprefix("\\")
    if len(chunk) < 2:
        raise ValueError("a [ without its ]")
    if "\udc80" <= chunk[0] <= "\udcff":
        raise ValueError("bytes inside of brackets that are no UTF-8")
    return chunk[0], chunk[1:]
