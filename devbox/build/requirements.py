"""Which line of a requirements file an installer complains about: pip, and uv. Pure."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from devbox.build.dockerfile import Dockerfile

_INSTALLER = re.compile(r"(?:^|[\s/;&|])(?:pip[\d.]*|uv)\s")
_PROJECT_FILES = ("pyproject.toml",)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_INCLUDES = re.compile(r"(?:-r|--requirement|-c|--constraint)(?:\s+|=|(?=\S))(\S+)")
_QUOTED = re.compile(r"""["']([^"']+)["']""")

_FROM_FILE = re.compile(r"\(from -r (?P<file>.+?) \(line (?P<line>\d+)\)\)")
_FROM_LINE = re.compile(r"\(from line (?P<line>\d+) of (?P<file>[^)]+)\)")
_AT_POSITION = re.compile(r"in `(?P<file>[^`]+)` at position (?P<position>\d+)")
_CANNOT_INSTALL = re.compile(r"ERROR: Cannot install (?P<what>.+) because these package versions have")
_IN_LIST = re.compile(r"-r (?P<file>.+?) \(line (?P<line>\d+)\)")
_NOT_FOUND = re.compile(
    r"ERROR: (?:No matching distribution found for|Could not find a version that satisfies the requirement) "
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
)
_UNSATISFIABLE = re.compile(r"No solution found when resolving dependencies:?\W*(?:cause: )?(?P<why>.*)")
_YOU_REQUIRE = re.compile(r"you (?:require|depend on) ([A-Za-z0-9][A-Za-z0-9._-]*)")
_MISSING = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*) was not found in the package registry"
    r"|(?:there (?:is|are) no versions? of|[Oo]nly) ([A-Za-z0-9][A-Za-z0-9._-]*)"
)
_HASHES = re.compile(r"DO NOT MATCH THE HASHES|Hash mismatch for `(?P<name>[A-Za-z0-9._-]+?)(?:==.*)?`")
_NEEDS_HASH = re.compile(r"Hashes are required in --require-hashes mode")
_ERROR = re.compile(r"^(?:ERROR|error): (?P<text>.+)")
_VERSIONS = re.compile(r" \(from versions: .*\)")

Read = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Complaint:
    """A line of a file that an installer cannot follow; `file` as the step names it."""

    file: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class _Entry:
    file: str
    line: int
    column: int
    name: str


def complaints(command: str, log: Iterable[str], read: Read) -> tuple[Complaint, ...]:
    """What the log of a RUN with this command says about the files it installs from, empty where it installs
    nothing or the files hold no such line.

    `read` gives the text of a file as the command names it, None where that is not known.
    """
    lines = tuple(log)
    files = tuple(installed_from(command))
    if not files:
        return ()
    entries = tuple(entry for file in files for entry in _entries(file, read, frozenset()))
    for find in (_placed, _conflicting, _named):
        found = tuple(dict.fromkeys(find(lines, entries, read)))
        if found:
            return found
    return ()


def installed_from(command: str) -> Iterator[str]:
    """The files that name what a command installs: after -r and -c, and the project's own."""
    if not _INSTALLER.search(f" {command} "):
        return
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for place, word in enumerate(words):
        if word in ("-r", "--requirement", "-c", "--constraint", "--requirements") and place + 1 < len(words):
            yield words[place + 1]
        elif word.startswith(("--requirement=", "--constraint=", "--requirements=")):
            yield word.partition("=")[2]
        elif word.startswith("-r") and len(word) > 2 and not word.startswith("-re"):
            yield word[2:]
        elif word in (".", "-e", "sync", "lock") or word.startswith(".["):
            yield from _PROJECT_FILES


def installed_by(dockerfile: Dockerfile) -> tuple[str, ...]:
    """The files that name what the image's packages are, as its RUNs name them."""
    runs = (each for each in dockerfile.instructions if each.keyword == "RUN")
    return tuple(dict.fromkeys(file for each in runs for file in installed_from(" ".join(each.arguments))))


def _entries(file: str, read: Read, seen: frozenset[str]) -> Iterator[_Entry]:
    text = read(file) if file not in seen else None
    if text is None:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if posixpath.basename(file) in _PROJECT_FILES:
            for quoted in _QUOTED.finditer(line):
                if name := _NAME.match(quoted[1]):
                    yield _Entry(file, number, quoted.start(1) + 1, _normal(name[0]))
            continue
        stripped = line.strip()
        if include := _INCLUDES.match(stripped):
            inner = posixpath.join(posixpath.dirname(file), include[1])
            yield from _entries(inner, read, seen | {file})
        elif name := _NAME.match(stripped):
            yield _Entry(file, number, line.index(name[0]) + 1, _normal(name[0]))


def _placed(lines: tuple[str, ...], entries: tuple[_Entry, ...], read: Read) -> Iterator[Complaint]:
    """What names its line by itself."""
    hashes: re.Match[str] | None = None
    # pip words the complaint on one line and its place on another.
    said = next((_said(line) for line in lines if _ERROR.match(line)), "")
    for line in lines:
        hashes = _HASHES.search(line) or hashes
        if match := _FROM_LINE.search(line):
            yield _at(match["file"], int(match["line"]), said, entries)
        elif hashes is not None and (match := _FROM_FILE.search(line)):
            what = line.strip().split(" from ")[0].split(" (from ")[0]
            yield _at(match["file"], int(match["line"]), f"{what} does not match its hash", entries)
        elif match := _AT_POSITION.search(line):
            text = read(match["file"])
            number = text.count("\n", 0, int(match["position"])) + 1 if text is not None else 1
            causes = (other.strip().removeprefix("cause: ") for other in lines[lines.index(line) + 1 :])
            reason = next((cause for cause in causes if cause), "")
            yield _at(match["file"], number, f"{said}: {reason}" if reason else said, entries)
    if hashes is not None and hashes["name"]:
        yield from _all_of({_normal(hashes["name"])}, entries, f"{hashes['name']} does not match its hash")
    if any(_NEEDS_HASH.search(line) for line in lines):
        named = (_NAME.match(line.strip()) for line in lines if "--hash" in line)
        yield from _all_of(
            {_normal(name[0]) for name in named if name},
            entries,
            "a hash is required here: other lines have one",
        )


def _conflicting(lines: tuple[str, ...], entries: tuple[_Entry, ...], read: Read) -> Iterator[Complaint]:
    """Every line that takes part in a conflict."""
    for line in lines:
        if match := _CANNOT_INSTALL.search(line):
            message = f"conflicting dependencies: {_without_places(match['what'], read)}"
            for place in _IN_LIST.finditer(match["what"]):
                yield _at(place["file"], int(place["line"]), message, entries)
            rest = _IN_LIST.sub("", match["what"])
            yield from _all_of({_normal(name) for name in _NAME.findall(rest)}, entries, message)


def _named(lines: tuple[str, ...], entries: tuple[_Entry, ...], read: Read) -> Iterator[Complaint]:
    """The lines of the packages that are named."""
    del read
    for line in lines:
        if match := _NOT_FOUND.search(line):
            shorter = (_said(other) for other in lines if "No matching distribution found" in other)
            yield from _all_of({_normal(match["name"])}, entries, next(shorter, _said(line)))
    if match := _UNSATISFIABLE.search(" ".join(line.strip() for line in lines)):
        missing = _MISSING.search(match["why"])
        if missing:
            message = match["why"].split(", we can conclude")[0].removeprefix("Because ")
            yield from _all_of({_normal(missing[1] or missing[2])}, entries, message)
        else:
            named = {_normal(name) for name in _YOU_REQUIRE.findall(match["why"])}
            yield from _all_of(named, entries, match["why"])


def _at(file: str, line: int, message: str, entries: tuple[_Entry, ...]) -> Complaint:
    column = next((entry.column for entry in entries if (entry.file, entry.line) == (file, line)), 0)
    return Complaint(file, line, column, message)


def _all_of(names: set[str], entries: tuple[_Entry, ...], message: str) -> Iterator[Complaint]:
    for entry in entries:
        if entry.name in names:
            yield Complaint(entry.file, entry.line, entry.column, message)


def _without_places(what: str, read: Read) -> str:
    """pip's list of what conflicts, with the text of a line in the stead of its number."""

    def text_of(match: re.Match[str]) -> str:
        text = read(match["file"])
        lines = text.splitlines() if text is not None else []
        number = int(match["line"])
        return lines[number - 1].split("#")[0].strip() if number <= len(lines) else match[0]

    return _IN_LIST.sub(text_of, what)


def _said(line: str) -> str:
    match = _ERROR.match(line.strip())
    return _VERSIONS.sub("", match["text"] if match else line.strip())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
