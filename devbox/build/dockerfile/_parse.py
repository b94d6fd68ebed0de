"""The reader itself: text to Dockerfile."""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType

from devbox.build.dockerfile._checks import check_keyword, check_statement
from devbox.build.dockerfile._heredocs import openings
from devbox.build.dockerfile._lines import LineReader, LogicalLine
from devbox.build.dockerfile._statement import KEYWORDS, Statement, read_statement
from devbox.build.dockerfile._values import Dockerfile, Heredoc, Instruction, Stage
from devbox.errors import DockerfileError

# With or without a registry before it, upstream and labs versions too.
_OFFICIAL_SYNTAX = re.compile(r"(?:[\w.-]+\.[\w.:-]+/)?docker/dockerfile(?:-upstream)?(?:[:@ ]|$)")


# The file as it was before and as it is now; most saves leave it alone.
@lru_cache(8)
def parse(text: str, path: str = "Dockerfile") -> Dockerfile:
    """Reads a Dockerfile as BuildKit does, or raises DockerfileError with the line and what to do.

    `path` is what errors call the file. A `# syntax=` directive makes unknown flags pass, and one that names
    another frontend than Docker's makes unknown instructions pass too: that frontend decides.
    Source: moby/buildkit, frontend/dockerfile/parser and frontend/dockerfile/instructions.
    """
    reader = LineReader(text)
    instructions: list[Instruction] = []
    while True:
        start = 0
        try:
            line = reader.next_line()
            if line is None:
                break
            start = line.line
            instructions.append(_instruction(line, reader, instructions))
        except DockerfileError as error:
            raise placed(error, path, start or reader.line) from None
    if not instructions:
        what = "file with no instructions" if text.strip() else "the Dockerfile cannot be empty"
        raise DockerfileError(what, path=path, hint="begin with FROM, as in FROM python:3.13-slim")
    if instructions[-1].stage < 0:
        raise DockerfileError(
            "the Dockerfile contains no stages to build",
            path=path,
            line=instructions[-1].line,
            hint="add a FROM, as in FROM python:3.13-slim",
        )
    return Dockerfile(
        stages=_stages(instructions),
        global_args=tuple(instruction for instruction in instructions if instruction.stage < 0),
        directives=MappingProxyType(reader.directives),
        escape=reader.escape,
        instructions=tuple(instructions),
        path=path,
    )


def placed(error: DockerfileError, path: str, line: int) -> DockerfileError:
    """The same error with its place."""
    return DockerfileError(error.what, path=path, line=line, cause=error.cause, hint=error.hint)


def _instruction(line: LogicalLine, reader: LineReader, before: list[Instruction]) -> Instruction:
    statement = read_statement(line.text, reader.escape)
    syntax = reader.directives.get("syntax", "")
    if not syntax or _OFFICIAL_SYNTAX.match(syntax):
        check_keyword(statement)
    if statement.keyword in KEYWORDS:
        check_statement(statement, any_flags=bool(syntax))
    heredocs = read_heredocs(statement, line, reader)
    stage = before[-1].stage if before else -1
    if statement.keyword == "FROM":
        stage += 1
    elif stage < 0 and statement.keyword != "ARG":
        raise DockerfileError(
            f"no build stage in current context: {statement.keyword} before the first FROM",
            hint="begin with FROM; only ARG may stand before it",
        )
    return _placed_instruction(statement, line.line, reader.line, heredocs, stage)


def _placed_instruction(
    statement: Statement, line: int, end_line: int, heredocs: tuple[Heredoc, ...], stage: int
) -> Instruction:
    trigger = statement.trigger
    return Instruction(
        keyword=statement.keyword,
        text=statement.text,
        arguments=statement.arguments,
        flags=statement.flags,
        json=statement.json,
        line=line,
        end_line=end_line,
        heredocs=heredocs,
        stage=stage,
        trigger=_placed_instruction(trigger, line, end_line, heredocs, stage) if trigger else None,
    )


def read_heredocs(statement: Statement, line: LogicalLine, reader: LineReader) -> tuple[Heredoc, ...]:
    if not statement.takes_heredocs:
        return ()
    heredocs = []
    for opening in openings(line.text):
        content = reader.heredoc_body(opening.name, chomp=opening.chomp)
        if content is None:
            raise DockerfileError(
                f"unterminated heredoc: no line is just {opening.name!r}",
                hint=f"end it with a line that holds nothing but {opening.name}",
            )
        heredocs.append(
            Heredoc(opening.name, content, opening.expand, opening.chomp, opening.file_descriptor)
        )
    return tuple(heredocs)


def _stages(instructions: list[Instruction]) -> tuple[Stage, ...]:
    stages = []
    for first in instructions:
        if first.keyword != "FROM":
            continue
        stages.append(
            Stage(
                index=first.stage,
                name=first.arguments[2].lower() if len(first.arguments) == 3 else "",
                base=first.arguments[0],
                platform=first.flag("platform"),
                instructions=tuple(one for one in instructions if one.stage == first.stage),
                line=first.line,
            )
        )
    return tuple(stages)
