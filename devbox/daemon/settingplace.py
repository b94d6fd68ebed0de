"""Where a setting stands in its file. Pure."""

from __future__ import annotations

import re

from devbox.settings import SETTINGS_FILE, SETTINGS_TABLE_FILE

_AT = re.compile(r"\(at line (\d+), column (\d+)\)")
_AT_END = "(at end of document)"
_NAMED = re.compile(r"setting '([\w.-]+)'|^(\w+) '|^the (project) name ")
_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")


def setting_line(text: str, file: str, name: str) -> int:
    """The line of a setting within its file, from 1; 0 where it does not stand there."""
    table = "tool.devbox" if file == SETTINGS_TABLE_FILE else ""
    key, _, below = name.partition(".")
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            here = header[1].strip()
            whole = ".".join(filter(None, (table, key)))
            if here == whole:
                return _inner(text, number, below) if below else number
            if here.startswith(f"{whole}."):
                return number
        elif here == table and re.match(rf'\s*"?{re.escape(key)}"?\s*(?:=|\.)', line):
            return number
    return 0


def _inner(text: str, header: int, key: str) -> int:
    for number, line in enumerate(text.splitlines()[header:], header + 1):
        if _TABLE.match(line):
            break
        if re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
            return number
    return header


def refused_setting(told: str, text: str, file: str) -> tuple[int, int]:
    """Line and column of what an error about the settings in `file` is about; line 1 where it names none."""
    if match := _AT.search(told):
        return int(match[1]), int(match[2])
    if _AT_END in told:
        return max(len(text.splitlines()), 1), 0
    named = _NAMED.search(told)
    name = (named[1] or named[2] or named[3]) if named else ""
    return (setting_line(text, file, name) if name else 0) or 1, 0


def settings_file(told: str) -> str:
    """The settings file that an error names, '' where it names none."""
    return next((file for file in (SETTINGS_FILE, SETTINGS_TABLE_FILE) if file in told), "")
