"""What is to be said of the build context: how much is sent, what takes the room, what is secret. Pure."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from devbox.build.dockerfile import BuildStep
from devbox.doctor.finding import Finding, ok, warning
from devbox.doctor.words import instruction, number, size, some
from devbox.model import Entry, Kind
from devbox.watch import is_secret

CONTEXT, SECRETS = "context", "secrets"

_MUCH = 100_000_000
_LINES = 5
# What tools make and no image needs, with the line that keeps it out wherever it lies.
_MADE_BY_TOOLS: Mapping[str, str] = {
    ".git": ".git",
    ".hg": ".hg",
    ".venv": "**/.venv",
    "venv": "**/venv",
    ".tox": "**/.tox",
    ".nox": "**/.nox",
    "node_modules": "**/node_modules",
    "__pycache__": "**/__pycache__",
    ".mypy_cache": "**/.mypy_cache",
    ".pytest_cache": "**/.pytest_cache",
    ".ruff_cache": "**/.ruff_cache",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A file or folder with everything in it; `name` ends with '/' for a folder."""

    name: str
    files: int
    size: int

    @property
    def line(self) -> str:
        """The line of an ignore file that keeps it out."""
        return self.name.rstrip("/")


def parts(entries: Mapping[str, Entry]) -> tuple[Part, ...]:
    """What lies at the top, and what tools made wherever it lies, the biggest first."""
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path, entry in entries.items():
        if entry.kind is not Kind.DIRECTORY:
            name = _part_of(path)
            files[name] += 1
            sizes[name] += entry.size
    found = (Part(name, files[name], sizes[name]) for name in files)
    return tuple(sorted(found, key=lambda part: (-part.size, part.name)))


def _part_of(path: str) -> str:
    *folders, _ = names = path.split("/")
    for depth, folder in enumerate(folders, start=1):
        if folder in _MADE_BY_TOOLS:
            return "/".join(names[:depth]) + "/"
    return f"{names[0]}/" if folders else path


def context(entries: Mapping[str, Entry], sent: Mapping[str, Entry], ignore_file: str) -> tuple[Finding, ...]:
    """How much goes to the builder, and what lies in the context for nothing; `sent` is what the builder
    takes of `entries`."""
    found = parts(sent)
    files, total = sum(part.files for part in found), sum(part.size for part in found)
    every = sum(entry.kind is not Kind.DIRECTORY for entry in entries.values())
    text = f"{number(files, 'file')}, {size(total)} for the builder"
    text += f" (of {number(every, 'file')} in the context)" if every != files else ""
    biggest = [f"{part.name} {size(part.size)}" for part in found[:3]]
    text += f"; biggest: {', '.join(biggest)}" if biggest else ""
    if total > _MUCH:
        lines = [part.line for part in found[:3] if part.size > total / 10]
        weighed = warning(CONTEXT, text, f"unless the image needs it, {_add(lines, ignore_file)}")
    else:
        weighed = ok(CONTEXT, text)
    useless = _useless(entries, ignore_file)
    return (weighed,) if useless is None else (weighed, useless)


def _useless(entries: Mapping[str, Entry], ignore_file: str) -> Finding | None:
    made = [part for part in parts(entries) if _tool(part)]
    if not made:
        return None
    lines = dict.fromkeys(_MADE_BY_TOOLS[_tool(part)] for part in made)
    names = [f"{part.name} ({number(part.files, 'file')}, {size(part.size)})" for part in made]
    return warning(
        CONTEXT,
        f"holds {some(names)}: no image needs it, and each change in it starts a build",
        _add(list(lines), ignore_file),
    )


def _tool(part: Part) -> str:
    name = posixpath.basename(part.line)
    return name if part.name.endswith("/") and name in _MADE_BY_TOOLS else ""


def _add(lines: Sequence[str], ignore_file: str) -> str:
    words = "the line" if len(lines) == 1 else "the lines"
    return f"add to {ignore_file} {words} {some(lines, most=_LINES)}"


def secrets(
    entries: Mapping[str, Entry], steps: Iterable[BuildStep], env_files: Sequence[str], ignore_file: str
) -> Finding:
    """Which secrets a COPY, ADD or bind mount of `steps` takes out of the context; `env_files` are those
    whose variables the container is given anyway."""
    kept = [path for path, entry in entries.items() if entry.kind is not Kind.DIRECTORY and is_secret(path)]
    if not kept:
        return ok(SECRETS, "no file of the build context looks like one")
    readers = [(step, source) for step in steps for source in step.sources]
    copied: dict[str, BuildStep] = {}
    for path in kept:
        reader = next((step for step, source in readers if source.matches(path)), None)
        if reader is not None:
            copied[path] = reader
    if not copied:
        return ok(SECRETS, f"{some(kept)} in the build context, and no instruction takes it")
    first = next(iter(copied.values())).instruction
    step = _add(list(copied), ignore_file)
    needed = [path for path in copied if posixpath.basename(path) == ".env" and path not in env_files]
    if needed:
        step += f'; env_file = "{needed[0]}" in devbox.toml gives its variables to the application'
    verb = "goes" if len(copied) == 1 else "go"
    return warning(
        SECRETS,
        f"{some(list(copied))} {verb} into the build: {instruction(first.text)} (line {first.line})",
        step,
    )
