"""The lines of a Dockerfile in the order that keeps dependencies apart from the source."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from devbox.build.advice._place import Place, is_trigger
from devbox.build.dockerfile import BuildStep, Instruction

# What only says how later instructions are to be understood may go before the source as well.
_SETTINGS = frozenset({"ARG", "ENV", "LABEL", "EXPOSE", "STOPSIGNAL", "MAINTAINER"})
# What changes where a COPY puts its files, and whose they are.
_MOVES = frozenset({"WORKDIR", "USER", "SHELL", "ONBUILD"})
_OWNERS = ("chown", "chmod")


@dataclass(frozen=True, slots=True)
class Order:
    """A `source` that is copied before the RUN `step`, the files that it `needs`, the lines that do without
    the source, and those that go behind it."""

    source: BuildStep
    step: BuildStep
    needs: tuple[str, ...]
    install: tuple[str, ...]
    rest: tuple[str, ...]


def better_order(place: Place, order: Order) -> tuple[tuple[str, ...] | None, tuple[int, int]]:
    """The lines from the source's instruction to the RUN's in the better order, and which lines those are;
    None where moving them might change more than their order."""
    first, last = order.source.instruction, order.step.instruction
    span = (first.line, last.end_line)
    if order.source.stage != order.step.stage or is_trigger(first) or is_trigger(last) or not order.install:
        return None, span
    here = place.dockerfile.stages[order.step.stage].instructions
    between = [each for each in here if first.line < each.line < last.line]
    if any(each.keyword in _MOVES for each in between):
        return None, span
    sources = {step.instruction: step for step in place.steps[order.step.stage]}
    early: list[str] = []
    late: list[str] = [*place.written(first)]
    covered: set[str] = set()
    former = first
    for each in between:
        block = place.block(former, each)
        former = each
        if each.keyword in _SETTINGS or _brings_only(sources.get(each), order.needs):
            early += block
            covered |= {path for path in order.needs if _brings(sources.get(each), path)}
        else:
            late += block
    comments = place.lines[former.end_line : last.line - 1]
    missing = [
        path for path in order.needs if path not in covered and not is_there(place, order.source, path)
    ]
    copies = _copies(order.source, missing)
    return (*early, *copies, *comments, *order.install, *late, *order.rest), span


def is_there(place: Place, source: BuildStep, path: str) -> bool:
    """Whether a COPY before that of the source brings a file already."""
    return any(
        _brings(step, path)
        for step in place.steps[source.stage]
        if step.instruction.keyword in ("COPY", "ADD") and step.instruction.line < source.instruction.line
    )


def _brings(step: BuildStep | None, path: str) -> bool:
    return step is not None and any(source.matches(path) for source in step.sources)


def _brings_only(step: BuildStep | None, needs: Sequence[str]) -> bool:
    """Whether a COPY takes nothing but files that are needed anyway."""
    if step is None or step.instruction.keyword not in ("COPY", "ADD") or not step.sources:
        return False
    return all(source.pattern in needs for source in step.sources)


def _copies(source: BuildStep, paths: Sequence[str]) -> list[str]:
    """A COPY for the files of each folder, to where the source's COPY puts them."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(_folder(source, path), []).append(path)
    flags = "".join(f"--{name}={value} " for name, value in source.instruction.flags if name in _OWNERS)
    return [f"COPY {flags}{' '.join(found)} {folder}" for folder, found in folders.items()]


def _folder(source: BuildStep, path: str) -> str:
    instruction: Instruction = source.instruction
    target = instruction.arguments[-1]
    for each in source.sources:
        below = path if not each.pattern else path.removeprefix(f"{each.pattern}/")
        if not each.is_wild and (not each.pattern or below != path):
            return posixpath.join(target, posixpath.dirname(below)).rstrip("/") + "/"
    return "./"
