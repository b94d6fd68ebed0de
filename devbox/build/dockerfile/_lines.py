"""From a file's text to logical lines: directives, comments, continuations, here-document bodies.

After BuildKit's frontend/dockerfile/parser. Lines end at a line feed only, as they do there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from devbox.build.dockerfile._words import SPACES
from devbox.errors import DockerfileError

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*", re.ASCII)
_KNOWN_DIRECTIVES = frozenset({"syntax", "escape", "check"})
# BuildKit reads with Go's bufio.Scanner and its default buffer.
_LONGEST_LINE = 65535


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """What stands between two line ends that are not continued; `line` is its first physical line."""

    text: str
    line: int


class LineReader:
    """Gives the logical lines of a text one after another.

    `directives` and `escape` are final once the first logical line was given; `line` is the number of the
    last physical line read.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.removeprefix("\ufeff").split("\n")
        if not self._lines[-1]:
            self._lines.pop()
        self.line = 0
        self.escape = "\\"
        self.directives: dict[str, str] = {}
        self._may_be_directive = True

    def next_line(self) -> LogicalLine | None:
        """The next logical line that is neither blank nor a comment, None at the end."""
        while (physical := self._read()) is not None:
            content = physical.rstrip("\r").lstrip(SPACES)
            self._notice_directive(content)
            if content.startswith("#"):
                continue
            content, continued = self._continuation(content)
            if not content and not continued:
                continue
            start = self.line
            parts = [content]
            while continued and (physical := self._read()) is not None:
                content = physical.rstrip("\r")
                if not content.strip(SPACES) or content.lstrip(SPACES).startswith("#"):
                    continue
                content, continued = self._continuation(content)
                parts.append(content)
            return LogicalLine("".join(parts), start)
        return None

    def heredoc_body(self, name: str, *, chomp: bool) -> str | None:
        """The lines up to the one that is `name`, with their line ends; None where that one is missing."""
        body: list[str] = []
        while (physical := self._read()) is not None:
            content = physical.rstrip("\r")
            if (content.lstrip("\t") if chomp else content) == name:
                return "".join(body)
            body.append(physical + "\n")
        return None

    def _read(self) -> str | None:
        if self.line == len(self._lines):
            return None
        physical = self._lines[self.line]
        self.line += 1
        if len(physical) > _LONGEST_LINE // 4 and len(physical.encode(errors="replace")) > _LONGEST_LINE:
            raise DockerfileError(
                f"line {self.line} is longer than {_LONGEST_LINE} bytes",
                hint="break the line with continuations",
            )
        return physical

    def _notice_directive(self, content: str) -> None:
        if not self._may_be_directive:
            return
        match = _DIRECTIVE.fullmatch(content[1:].lstrip(SPACES)) if content.startswith("#") else None
        name = match[1].lower() if match else ""
        if match is None or name not in _KNOWN_DIRECTIVES:
            self._may_be_directive = False
            return
        if name in self.directives:
            raise DockerfileError(f"only one {name} parser directive can be used")
        value = match[2]
        self.directives[name] = value
        if name == "escape":
            if value not in ("\\", "`"):
                raise DockerfileError(f"invalid escape token '{value}' does not match ` or \\")
            self.escape = value

    def _continuation(self, content: str) -> tuple[str, bool]:
        # An escape that is itself escaped continues nothing.
        bare = content.rstrip(" \t")
        if bare.endswith(self.escape) and not bare.endswith(self.escape * 2):
            return bare[:-1], True
        return content, False
