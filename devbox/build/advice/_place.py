"""The lines of a Dockerfile as they are written, and the stages that make up its target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from devbox.build.advice.values import Advice, Again, Given
from devbox.build.dockerfile import (
    BuildStep,
    Instruction,
    Scope,
    Stage,
    build_steps,
    resolve_stage,
    stage_closure,
    walk,
)

_KEYWORD = re.compile(r"^\s*\S+")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SHOWN = 60


class Place:
    """What rules ask of one target: its lines, its stages and their instructions.

    Raises DockerfileError as stage_closure does.
    """

    def __init__(self, given: Given) -> None:
        self.given = given
        self.dockerfile = given.dockerfile
        self.lines = tuple(line.rstrip("\r") for line in given.text.removeprefix("\ufeff").split("\n"))
        self.closure = stage_closure(given.dockerfile, given.target, given.build_args)
        self.steps = {stage.index: self._steps(stage) for stage in self.closure}
        self.chain = tuple(self._chain())
        self.target = self.chain[-1]

    def _steps(self, stage: Stage) -> tuple[BuildStep, ...]:
        return build_steps(self.dockerfile, stage, self.given.build_args)

    def _chain(self) -> list[Stage]:
        """The stages whose files the target's image has, its first base first."""
        found = [resolve_stage(self.dockerfile, self.given.target)]
        while origins := self.steps[found[0].index][0].origins:
            found.insert(0, self.dockerfile.stages[origins[0]])
        return found

    @property
    def base(self) -> str:
        """The image that the target begins with, variables replaced."""
        return self.image(self.chain[0])

    def image(self, stage: Stage) -> str:
        """The image that a stage begins from, '' where that is another stage."""
        first = self.steps[stage.index][0]
        return "" if first.origins else str(first.inputs[0])

    def instructions(self, stages: Iterable[Stage]) -> Iterator[tuple[Instruction, Scope]]:
        """Every instruction of these stages in order, with what holds at it."""
        for stage in stages:
            yield from walk(self.dockerfile, stage, self.given.build_args)

    def last(self, *keywords: str) -> Instruction | None:
        """The last of these instructions that counts for the target."""
        found = [each for each, _ in self.instructions(self.chain) if each.keyword in keywords]
        return found[-1] if found else None

    def written(self, instruction: Instruction) -> tuple[str, ...]:
        """The lines of an instruction as they stand in the file."""
        return self.lines[instruction.line - 1 : instruction.end_line]

    def block(self, before: Instruction, instruction: Instruction) -> tuple[str, ...]:
        """The same with the comments and blank lines that stand between it and the instruction before it."""
        return self.lines[before.end_line : instruction.end_line]

    def advice(
        self,
        rule: str,
        at: Instruction,
        message: str,
        hint: str,
        *,
        better: Sequence[str] | None = None,
        span: tuple[int, int] = (0, 0),
        again: Again | None = None,
    ) -> Advice:
        """Advice on one instruction; `better` takes its place, or that of the lines of `span`.

        Of a trigger of ONBUILD, and of what `better` is None for, no better lines are told.
        """
        first, last = span if span != (0, 0) else (at.line, at.end_line)
        known = better is not None and not is_trigger(at)
        return Advice(
            rule=rule,
            file=self.dockerfile.path,
            line=at.line,
            message=message,
            hint=hint,
            better=tuple(better or ()) if known else (),
            first=first if known else 0,
            last=last if known else -1,
            into=self.dockerfile.path if known else "",
            again=again,
        )

    def rewritten(self, instruction: Instruction, change: Callable[[str], str]) -> tuple[str, ...] | None:
        """The lines of an instruction with what is behind its keyword changed, None where nothing did."""
        before = "\n".join(self.written(instruction))
        keyword = _KEYWORD.match(before)
        if keyword is None:
            return None
        after = before[: keyword.end()] + change(before[keyword.end() :])
        return tuple(after.split("\n")) if after != before else None


@dataclass(frozen=True, slots=True)
class Line:
    """An instruction as a sentence names it."""

    instruction: Instruction

    def __str__(self) -> str:
        return f"line {self.instruction.line} ({shown(self.instruction)})"


def shown(instruction: Instruction) -> str:
    """An instruction as it is named, short enough for a line, credentials masked."""
    text = _CREDENTIALS.sub("***", instruction.text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1].rstrip()}…"


def is_trigger(instruction: Instruction) -> bool:
    """Whether it runs as a trigger of a base stage."""
    return instruction.keyword != "ONBUILD" and instruction.text.startswith("ONBUILD ")
