"""Which part of a build context a build can read at all: the rest need not be sent. Pure.

Only where nothing can be missed: in any doubt it is the whole context.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from devbox.build.dockerfile import BuildStep, ContextSource, Dockerfile, build_steps, stage_closure
from devbox.build.frontend import is_official
from devbox.model import Entry, Kind, Snapshot

_COPIES = frozenset({"COPY", "ADD"})
_FLAGS = {
    "COPY": frozenset({"from", "chown", "chmod", "link", "exclude"}),
    "ADD": frozenset({"chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"}),
    "RUN": frozenset({"mount", "network", "security", "device"}),
}
_REMOTE = ("http://", "https://")
_IGNORE_FILE = ".dockerignore"


def reached(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str, snapshot: Snapshot
) -> Snapshot:
    """What of the snapshot the target's COPYs, ADDs and bind mounts can read, the folders above it, and the
    ignore files; the digest stays that of the whole.

    Only for BuildKit, which runs no stage that the target does not need, and for base images without ONBUILD
    triggers. Raises DockerfileError as stage_closure does.
    """
    syntax = dockerfile.directives.get("syntax", "")
    if syntax and not is_official(syntax):
        return snapshot
    steps = [
        step
        for stage in stage_closure(dockerfile, target, build_args)
        for step in build_steps(dockerfile, stage, build_args)
    ]
    sources = [source for step in steps for source in step.sources]
    if not all(_is_plain(step) for step in steps) or not all(_is_certain(source) for source in sources):
        return snapshot
    wild = tuple(ContextSource(source.pattern) for source in sources if source.is_wild)
    plain = frozenset(source.pattern for source in sources if not source.is_wild)
    kept = _kept(snapshot.entries, wild, plain)
    return snapshot if kept is None else replace(snapshot, entries=MappingProxyType(kept))


def _is_plain(step: BuildStep) -> bool:
    """Whether the Dockerfile alone tells what a step reads."""
    instruction = step.instruction
    if instruction.keyword == "FROM":
        return bool(step.origins) or "$" not in str(step.inputs[0])
    if instruction.keyword not in _FLAGS:
        return True
    if any(name not in _FLAGS[instruction.keyword] for name, _ in instruction.flags):
        return False
    if instruction.keyword == "RUN":
        return not any("$" in value for value in instruction.flag_values("mount"))
    words = instruction.arguments[:-1]
    # A base image's variable may stand in the place of the Dockerfile's.
    if any(sign in word for word in (*words, instruction.flag("from")) for sign in "$\\"):
        return False
    if instruction.flag("from"):
        return True
    remote = sum(word.startswith(_REMOTE) for word in words) if instruction.keyword == "ADD" else 0
    # What one builder takes for a repository is a path to another.
    return len(step.sources) + remote + len(instruction.heredocs) == len(words)


def _is_certain(source: ContextSource) -> bool:
    """Readers differ in what they make of classes and escapes, and `**` leads through any folder."""
    return bool(source.pattern) and not source.deep and not any(sign in source.pattern for sign in "[\\")


def _kept(
    entries: Mapping[str, Entry], wild: tuple[ContextSource, ...], plain: frozenset[str]
) -> dict[str, Entry] | None:
    """What lies at, above or below the sources; None where a link leads elsewhere."""
    parts = [pattern.split("/") for pattern in plain]
    above = {"/".join(names[:end]) for names in parts for end in range(1, len(names) + 1)}
    below = tuple(f"{pattern}/" for pattern in plain)
    if any(path in entries and entries[path].kind is Kind.SYMLINK for path in above):
        return None
    kept: dict[str, Entry] = {}
    for path, entry in entries.items():
        if path.startswith(below) or path in above or path.endswith(_IGNORE_FILE):
            kept[path] = entry
        elif wild and any(source.matches(path) for source in wild):
            if entry.kind is Kind.SYMLINK and any(source.leads_through(path) for source in wild):
                return None
            kept[path] = entry
    return kept
