"""Which line of a Dockerfile a failure belongs to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile import BuildStep, Dockerfile, Instruction, build_steps, stage_closure
from devbox.errors import DockerfileError

_PARSE_LINE = re.compile(r"dockerfile parse error (?:on )?line (\d+): *(.*)", re.IGNORECASE | re.DOTALL)
_NOT_SENT = re.compile(r'"/([^"]+)":? not found|stat ([^:]+):')


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the Dockerfile, from 1; `column` 0 means all of it."""

    number: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class Blame:
    """The Dockerfile of one target, as `text` and as it was read."""

    dockerfile: Dockerfile
    text: str
    build_args: Mapping[str, str]
    target: str

    def step(self, name: str) -> BuildStep | None:
        """The step that a builder calls by this name, None where there is none in what the target needs."""
        return next((step for step in self._steps() if step.name == name), None)

    def failed(self, step: BuildStep, cause: str) -> Line:
        """Where a step that failed for this cause stands: of a COPY the source that is not there."""
        missing = _NOT_SENT.search(cause)
        instruction = step.instruction
        if missing and instruction.keyword in ("COPY", "ADD"):
            for number, line in self._lines(instruction):
                for word in (missing[1] or missing[2], (missing[1] or missing[2]).rpartition("/")[2]):
                    if word and word in line:
                        return Line(number, line.index(word) + 1)
        return Line(instruction.line)

    def base(self, image: str) -> Line:
        """The first instruction that names an image."""
        for instruction in self.dockerfile.instructions:
            if instruction.keyword in ("FROM", "COPY", "RUN") and image in instruction.text:
                for number, line in self._lines(instruction):
                    if image in line:
                        return Line(number, line.index(image) + 1)
        first = self.dockerfile.stages[0].line
        return Line(first)

    def command(self) -> Line:
        """What is run: the target's last CMD, else its ENTRYPOINT, else its FROM."""
        return self._last("CMD", "ENTRYPOINT")

    def exposed(self) -> Line:
        """What says the port: the target's last EXPOSE, else its command."""
        return self._last("EXPOSE", "CMD", "ENTRYPOINT")

    def health(self) -> Line:
        """What says when it is well: the target's last HEALTHCHECK, else its command."""
        return self._last("HEALTHCHECK", "CMD", "ENTRYPOINT")

    def _last(self, *keywords: str) -> Line:
        try:
            closure = stage_closure(self.dockerfile, self.target, self.build_args)
        except DockerfileError:
            return Line(1)
        for keyword in keywords:
            for stage in reversed(closure):
                for instruction in reversed(stage.instructions):
                    if instruction.keyword == keyword:
                        return Line(instruction.line)
        return Line(closure[-1].line)

    def _steps(self) -> Iterator[BuildStep]:
        try:
            for stage in stage_closure(self.dockerfile, self.target, self.build_args):
                yield from build_steps(self.dockerfile, stage, self.build_args)
        except DockerfileError:
            return

    def _lines(self, instruction: Instruction) -> Iterator[tuple[int, str]]:
        lines = self.text.splitlines()
        for number in range(instruction.line, instruction.end_line + 1):
            if 0 < number <= len(lines):
                yield number, lines[number - 1]


def refused_line(error: str) -> tuple[Line, str] | None:
    """The line and the reason in a builder's word on a Dockerfile that it cannot read."""
    match = _PARSE_LINE.search(error)
    return (Line(int(match[1])), match[2].strip()) if match else None
