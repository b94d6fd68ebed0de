"""Packages: indexes that grow old, caches that stay in the image, compilers that are shipped."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from devbox.build.advice._commands import Command, commands, installer, installs_packages, script, verb
from devbox.build.advice._place import Line, Place, is_trigger, shown
from devbox.build.advice.values import Advice
from devbox.build.dockerfile import Instruction, Scope, Stage

UPDATE_ALONE = "AptGetUpdateAlone"
CACHE_KEPT = "PackageCacheInImage"
TOOLS_KEPT = "BuildToolsInFinalStage"

_APT = frozenset({"apt-get", "apt", "aptitude"})
_OFF = frozenset({"", "0", "false", "no", "off"})
_NO_CACHE = ("--no-cache-dir", "--no-cache", "--no-index", "--cache-dir", "no-cache-dir")
_SWITCHES: Mapping[str, tuple[str, ...]] = {
    "pip": ("PIP_NO_CACHE_DIR",),
    "uv": ("UV_NO_CACHE",),
    "poetry": ("POETRY_NO_CACHE", "PIP_NO_CACHE_DIR"),
}
_CACHES: Mapping[str, str] = {
    "pip": "/root/.cache/pip",
    "uv": "/root/.cache/uv",
    "poetry": "/root/.cache/pypoetry",
}
_CLEANS = re.compile(
    r"\brm\s+-\w*[rR]\w*\s[^;&|]*(?i:cache|/pip|/uv)|\b(?:pip|uv)3?\s+cache\s+(?:purge|clean)"
)
_CONFIGURES_PIP = re.compile(r"\bpip\.conf\b|\bpip\.ini\b")
_TARGET = re.compile(r"(?:^|,)(?:target|dst|destination)=([^,]+)")
_TYPE_CACHE = re.compile(r"(?:^|,)type=cache(?:,|$)")
_OF_SYSTEM = re.compile(r"/var/(?:cache|lib)/(?:apt|dnf|yum)\b|/var/cache/apk\b|/etc/apk")
_TOOLS = frozenset(
    {"gcc", "g++", "clang", "make", "cmake", "build-essential", "build-base", "musl-dev", "rustc", "cargo"}
    | {"gfortran", "ninja-build", "autoconf", "automake", "pkg-config", "golang"}
)
_DEVELOPMENT = re.compile(r"[\w.+-]+-dev(?:el)?|linux-headers.*")
# What is of no use to what was installed with it: unlike of libpq-dev, no library is loaded out of these.
_ONLY_TO_BUILD = _TOOLS | {"python3-dev", "python-dev", "libc-dev", "libc6-dev", "linux-headers"}
_TIDIES = frozenset({"rm", "set", "apt-get", "apt"})
# Where pip would put what it installs somewhere else than into the environment.
_ELSEWHERE = ("--user", "--target", "-t", "--prefix", "--root", "--python")
# Stages that are for those who work on the application, and are not shipped.
_FOR_WORK = re.compile(
    r"(?:^|[-_.])(?:dev|develop|development|debug|test|tests|testing|ci|lint|build|builder)(?:$|[-_.])"
)
_REMOVES = re.compile(r"\b(?:apt-get|apt)\s[^;&|]*(?:purge|remove)\b|\bapk\s[^;&|]*\bdel\b")


def packages(place: Place) -> Iterator[Advice]:
    """What may be better in how packages are installed."""
    for stage in place.closure:
        yield from _updates(place, stage)
    yield from _caches(place)
    yield from _tools(place)


def _runs(stage: Stage) -> list[Instruction]:
    return [each for each in stage.instructions if each.keyword == "RUN"]


def _updates(place: Place, stage: Stage) -> Iterator[Advice]:
    """An index that is taken from the cache while what is installed with it changes."""
    below = [each for other in _upon(place, stage) for each in _runs(other)]
    runs = _runs(stage)
    for number, run in enumerate(runs):
        parts = commands(run)
        if not any(_is_update(part) for part in parts) or any(installs_packages(part) for part in parts):
            continue
        if _cache_targets(run):
            # The index is not in the layer at all.
            continue
        later = next((each for each in (*runs[number + 1 :], *below) if _needs_index(each)), None)
        only = all(_is_update(part) for part in parts)
        if later is None and not only:
            continue
        message = f"{Line(run)} stays in the cache while the archive moves on"
        if later is None:
            yield place.advice(
                UPDATE_ALONE, run, f"{message}, and nothing is installed with it", "take it out", better=()
            )
            continue
        plain = only and later in runs
        better, span = _joined(place, run, later) if plain else (None, (0, 0))
        yield place.advice(
            UPDATE_ALONE,
            run,
            f"{message}: line {later.line} then asks for packages that are not there any more",
            f"update and install in one RUN, line {later.line}",
            better=better,
            span=span,
        )


def _upon(place: Place, stage: Stage) -> list[Stage]:
    """The stages that begin from a stage, or from one that does."""
    found = [stage]
    for other in place.closure:
        origins = place.steps[other.index][0].origins
        if any(origin == each.index for each in found for origin in origins):
            found.append(other)
    return found[1:]


def _is_update(command: Command) -> bool:
    return command[0] in _APT and verb(command) == "update"


def _needs_index(run: Instruction) -> bool:
    parts = commands(run)
    return any(installs_packages(part) for part in parts) and not any(_is_update(part) for part in parts)


def _joined(
    place: Place, update: Instruction, install: Instruction
) -> tuple[tuple[str, ...] | None, tuple[int, int]]:
    """The lines from the one to the other with both in the place of the second."""
    span = (update.line, install.end_line)
    if update.heredocs or install.heredocs or update.json or install.json or update.flags:
        return None, span
    text = " ".join(script(update).split())
    body = place.rewritten(install, lambda old: re.sub(r"^((?:\s*--\S+)*)\s*", rf"\1 {text} && ", old))
    between = place.lines[update.end_line : install.line - 1]
    return (*between, *(body or ())), span


def _caches(place: Place) -> Iterator[Advice]:
    """Downloads that stay in a layer of the image, where neither a switch nor a mount keeps them out."""
    if any(_configures(each) for each, _ in place.instructions(place.chain)):
        return
    for run, scope in place.instructions(place.chain):
        if run.keyword != "RUN":
            continue
        name = next((kept for part in commands(run) if (kept := _keeps(part, scope))), "")
        if not name or _cache_targets(run) or _CLEANS.search(script(run)):
            continue
        yield place.advice(
            CACHE_KEPT,
            run,
            f"{shown(run)} leaves what it downloads in the image, and downloads all of it again each time",
            "mount a cache, which keeps it out of the image and quick",
            better=_with_cache(place, run, scope, name),
        )


def _configures(instruction: Instruction) -> bool:
    """Whether it says to pip once and for all what to do with its cache."""
    if instruction.keyword in ("COPY", "ADD"):
        return _CONFIGURES_PIP.search(instruction.text) is not None
    text = script(instruction) if instruction.keyword == "RUN" else ""
    return "config" in text and "no-cache-dir" in text


def _keeps(command: Command, scope: Scope) -> str:
    """The installer that a command is, where it keeps a cache in the image."""
    name = installer(command)
    if not name or any(word.startswith(_NO_CACHE) for word in command):
        return ""
    if name == "uv" and "-n" in command[1:]:
        return ""
    if name == "pip" and "--no-deps" in command and not any(word.startswith("-r") for word in command):
        return ""
    on = {switch: scope.variables.get(switch, "") for switch in _SWITCHES[name]}
    return "" if any(_switches(switch, value) for switch, value in on.items()) else name


def _switches(switch: str, value: str) -> bool:
    """Whether a variable keeps an installer from having a cache; pip takes any value for a yes, "off" too."""
    return bool(value) and (switch == "PIP_NO_CACHE_DIR" or value.lower() not in _OFF)


def _cache_targets(run: Instruction) -> tuple[str, ...]:
    """Where caches are mounted that hold no packages of the system's own."""
    found = []
    for value in run.flag_values("mount"):
        target = _TARGET.search(value)
        if _TYPE_CACHE.search(value) and target:
            found.append(target[1])
    if any(installer(part) for part in commands(run)):
        return tuple(each for each in found if not _OF_SYSTEM.search(each))
    return tuple(found)


def _with_cache(place: Place, run: Instruction, scope: Scope, name: str) -> tuple[str, ...] | None:
    if run.json or is_trigger(run):
        return None
    if scope.user.partition(":")[0] in ("", "root", "0"):
        directory = scope.variables.get("UV_CACHE_DIR" if name == "uv" else "PIP_CACHE_DIR", "")
        mount = f"--mount=type=cache,target={directory or _CACHES[name]}"
        return place.rewritten(run, lambda old: re.sub(r"^\s*", f" {mount} ", old, count=1))
    if run.heredocs:
        return None
    switch = {"pip": "--no-cache-dir", "uv": "--no-cache", "poetry": "--no-cache"}[name]
    return place.rewritten(run, lambda old: re.sub(r"\b(install|sync)\b", rf"\1 {switch}", old))


def _tools(place: Place) -> Iterator[Advice]:
    """Compilers and headers in the image that is shipped, there only to install packages of Python."""
    if _FOR_WORK.search(place.target.name):
        return
    later = False
    found: list[tuple[Instruction, tuple[str, ...]]] = []
    for run, _ in place.instructions(place.chain):
        if run.keyword != "RUN":
            continue
        parts = commands(run)
        later = later or any(installer(part) for part in parts)
        names = tuple(dict.fromkeys(word for part in parts for word in _tool_names(part)))
        if names and not _REMOVES.search(script(run)):
            found.append((run, names))
    if not found or not later or place.last("CMD", "ENTRYPOINT") is None:
        return
    for run, names in found:
        told = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        yield place.advice(
            TOOLS_KEPT,
            run,
            f"{told} stays in the image that is run: some hundred megabytes that only the installing needs",
            "install in a stage of its own, and copy what was installed",
            better=_staged(place) if run is found[0][0] else None,
            span=(place.target.line, place.target.instructions[-1].end_line),
        )


def _tool_names(command: Command) -> Iterator[str]:
    is_apk = command[0] == "apk" and verb(command) == "add" and "--virtual" not in command
    if not (installs_packages(command) or (is_apk and "-t" not in command)):
        return
    for word in command[1:]:
        name = re.split(r"[=<>~:/]", word)[0]
        if name in _TOOLS or _DEVELOPMENT.fullmatch(name):
            yield name


def _only_builds(run: Instruction) -> bool:
    """Whether a RUN does nothing but install what only building needs."""
    for part in commands(run):
        if installs_packages(part) or (part[0] == "apk" and verb(part) == "add"):
            words = [word for word in part[1:] if not word.startswith("-") and word not in ("install", "add")]
            if not all(re.split(r"[=<>~:/]", word)[0] in _ONLY_TO_BUILD for word in words):
                return False
        elif part[0] not in _TIDIES:
            return False
    return not run.heredocs and not run.json


def _staged(place: Place) -> tuple[str, ...] | None:
    """The whole stage as two, where all of its packages come by one `pip install -r` of one file; None
    where that is not so plain."""
    if len(place.chain) > 1 or any(each.trigger for each in place.target.instructions):
        return None
    first, *others = place.target.instructions
    installing = [
        each for each in others if each.keyword == "RUN" and any(installer(part) for part in commands(each))
    ]
    if len(installing) != 1 or installing[0].heredocs or installing[0].json:
        return None
    install = installing[0]
    parts = commands(install)
    if len(parts) != 1 or parts[0][0] != "pip" or "-r" not in parts[0] or len(first.arguments) != 1:
        return None
    names = {posixpath.basename(word) for word in parts[0]}
    above = [each for each in others if each.line < install.line]
    copies = [each for each in above if each.keyword in ("COPY", "ADD")]
    manifests = [each for each in copies if {posixpath.basename(word) for word in each.arguments} & names]
    tools = [each for each in above if each.keyword == "RUN"]
    if len(manifests) != 1 or copies != manifests or not all(map(_only_builds, tools)):
        return None
    if any(word.partition("=")[0] in _ELSEWHERE for word in parts[0]) or any(
        "/usr/local/" in each.text for each in others
    ):
        return None
    kept = ("ARG", "ENV", "WORKDIR")
    early = [each for each in above if each.keyword in kept or each in tools or each in manifests]
    virtual = ("RUN python -m venv /opt/venv", "ENV PATH=/opt/venv/bin:$PATH")
    written = place.written
    rest = [each for each in others if each not in (*tools, *manifests, install)]
    return (
        *(f"{line} AS builder" for line in written(first)),
        *(line for each in early for line in written(each)),
        *virtual,
        *written(install),
        "",
        *written(first),
        *(line for each in rest if each.line < install.line for line in written(each)),
        "COPY --from=builder /opt/venv /opt/venv",
        virtual[1],
        *(line for each in rest if each.line > install.line for line in written(each)),
    )
