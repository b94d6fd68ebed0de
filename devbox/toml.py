"""Values as TOML writes them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_UNESCAPED = re.compile(r"[\x7f-\x9f]")


def as_toml(value: Any) -> str:
    """A value on one line: a text in quotes, a list, an inline table without what is None."""
    if isinstance(value, Mapping):
        pairs = (f"{_key(str(key))} = {as_toml(each)}" for key, each in value.items() if each is not None)
        inner = ", ".join(pairs)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _text(str(value))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
