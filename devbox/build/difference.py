"""What differs in an instruction from the last build, by file and line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from devbox.build.dockerfile import BuildStep, Dockerfile, Instruction, Stage, build_steps

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_SETTINGS: Mapping[str, str] = {"WORKDIR": "workdir", "USER": "user", "SHELL": "shell"}


@dataclass(frozen=True, slots=True)
class Previous:
    """What the build before this one was made from."""

    dockerfile: Dockerfile
    build_args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Differences:
    """Holds a Dockerfile and its build arguments against those before; `written` says of build arguments
    where they stand, as in "devbox.toml line 3"."""

    dockerfile: Dockerfile
    build_args: Mapping[str, str]
    previous: Previous
    written: Mapping[str, str] = field(default_factory=dict)

    def steps_before(self, stage: Stage) -> tuple[BuildStep, ...]:
        """The steps that a stage had: the stage of that name, or else at that place."""
        stages = self.previous.dockerfile.stages
        named = [one for one in stages if one.name and one.name == stage.name]
        there = (named or list(stages[stage.index : stage.index + 1]))[-1:]
        if not there:
            return ()
        return build_steps(self.previous.dockerfile, there[0], self.previous.build_args)

    def of(self, step: BuildStep, old: Sequence[BuildStep], position: int) -> str:
        """What is another than in the step that was there before, '' where nothing is."""
        if position >= len(old):
            return f"{self._at(step.instruction)}: the instruction is new"
        other = old[position]
        if _written(other) != _written(step):
            return f"{self._at(step.instruction)}: the instruction changed"
        if other.inputs == step.inputs:
            return ""
        names = list(self._names(step, other))
        if not names:
            return f"{self._at(step.instruction)}: the instruction changed"
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"{self._named(names[0], step)}{more} changed"

    def _names(self, step: BuildStep, other: BuildStep) -> Iterator[str]:
        """The variables and settings that are others."""
        mine, theirs = step.scope.variables, other.scope.variables
        yield from (name for name in dict.fromkeys((*mine, *theirs)) if mine.get(name) != theirs.get(name))
        for name, attribute in _SETTINGS.items():
            if getattr(step.scope, attribute) != getattr(other.scope, attribute):
                yield name
        if step.instruction.keyword == "FROM":
            for name in dict.fromkeys(_VARIABLE.findall(step.instruction.text)):
                if self._value(name) != self._value_before(name):
                    yield name

    def _value(self, name: str) -> str | None:
        return self.build_args.get(name, _default(self.dockerfile, name))

    def _value_before(self, name: str) -> str | None:
        return self.previous.build_args.get(name, _default(self.previous.dockerfile, name))

    def _named(self, name: str, step: BuildStep) -> str:
        """The name of what changed, and where it is written."""
        if name not in _SETTINGS and self.build_args.get(name) != self.previous.build_args.get(name):
            place = self.written.get(name, "")
            return f"{place}: build argument {name}" if place else f"build argument {name}"
        setting = [each for each in self.dockerfile.instructions if _sets(each, name)]
        above = [each for each in setting if each.line < step.instruction.line]
        near = [each for each in above if each.stage == step.stage] or above
        return f"{self._at(near[-1])}: {name}" if near else f"{self.dockerfile.path}: {name}"

    def _at(self, instruction: Instruction) -> str:
        return f"{self.dockerfile.path} line {instruction.line}"


def _sets(instruction: Instruction, name: str) -> bool:
    if name in _SETTINGS:
        return instruction.keyword == name
    return instruction.keyword in ("ARG", "ENV") and any(key == name for key, _ in instruction.pairs)


def _default(dockerfile: Dockerfile, name: str) -> str | None:
    """The value that an ARG before the first FROM gives."""
    found = [value for each in dockerfile.global_args for key, value in each.pairs if key == name]
    return found[-1] if found else None


def _written(step: BuildStep) -> tuple[object, ...]:
    instruction = step.instruction
    # What a stage is called changes nothing in it.
    arguments = instruction.arguments[:1] if instruction.keyword == "FROM" else instruction.arguments
    return (
        instruction.keyword,
        instruction.flags,
        arguments,
        instruction.json,
        instruction.heredocs,
    )
