"""Dependencies that are installed again with each save, since they come after the source."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devbox.build.advice._better import Order, better_order, is_there
from devbox.build.advice._commands import commands
from devbox.build.advice._place import Line, Place, shown
from devbox.build.advice.values import Advice, Again
from devbox.build.dockerfile import BuildStep, Instruction

SOURCE_FIRST = "SourceBeforeDependencies"
SOURCE_MOUNTED = "SourceMountedForDependencies"

_CODE = frozenset(
    {".py", ".pyi", ".js", ".jsx", ".mjs", ".ts", ".tsx", ".vue", ".svelte"}
    | {".html", ".jinja", ".j2", ".css", ".scss"}
)
_NO_CODE = frozenset({"setup.py"})
_REQUIREMENTS = re.compile(r"\s(?:-r|--requirements?|-c)[=\s]*([^\s;&|\"']+)")
_PROJECT = re.compile(r"\s[\"']?\.(?:\[[^\]]*\])?[\"']?(?:\s|$|[;&|])")
_EXTRAS = re.compile(r"\s[\"']?\.\[([^\]]*)\]")
# What needs nothing of the source.
_MOVABLE = frozenset(
    {"pip", "uv", "poetry", "pipenv", "npm", "pnpm", "yarn", "corepack", "apt-get", "apt", "apk", "dnf"}
    | {"yum", "microdnf", "zypper", "rm", "set", "cd", "echo", "mkdir", "export", "true", "sleep", "curl"}
    | {"wget", "useradd", "groupadd", "adduser", "addgroup"}
)
_VENV = re.compile(r"venv|virtualenv|VIRTUAL_ENV")
_UV = re.compile(r"\buv\b")


@dataclass(frozen=True, slots=True)
class _Installer:
    """`manifests` are the files that name the dependencies; one without takes names. With `whole` it always
    installs what its manifests name. `only` makes the command install nothing but dependencies."""

    pattern: re.Pattern[str]
    manifests: tuple[str, ...] = ()
    whole: bool = True
    only: tuple[re.Pattern[str], str] | None = None


def _command(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s;&|/])(?:{text})")


_PIP = _Installer(
    _command(r"pip3?\s(?:[^;&|]*\s)?(?:install|sync)\s"),
    ("pyproject.toml",),
    whole=False,
)
_INSTALLERS = (
    _Installer(
        _command(r"uv\s+sync\b"),
        ("pyproject.toml", "uv.lock"),
        only=(re.compile(r"(\buv\s+sync\b)"), r"\1 --no-install-project"),
    ),
    _Installer(
        _command(r"poetry\s+(?:\S+\s+)*?install\b"),
        ("pyproject.toml", "poetry.lock"),
        only=(re.compile(r"(\bpoetry\s+(?:\S+\s+)*?install\b)"), r"\1 --no-root"),
    ),
    _Installer(_command(r"pipenv\s+(?:install|sync)\b"), ("Pipfile", "Pipfile.lock")),
    _Installer(_command(r"npm\s+(?:ci|i|install)\b"), ("package.json", "package-lock.json")),
    _Installer(_command(r"pnpm\s+(?:i|install)\b"), ("package.json", "pnpm-lock.yaml")),
    _Installer(_command(r"yarn(?:\s+install\b|\s*$|\s+--)"), ("package.json", "yarn.lock")),
    _PIP,
    _Installer(_command(r"(?:apt-get|apt|apk|dnf|microdnf|yum|zypper)\s(?:[^;&|]*\s)?(?:install|add)\s")),
)
_WITHOUT_PROJECT = ("--no-deps", "--no-install-project", "--no-root")


@dataclass(frozen=True, slots=True)
class _State:
    """What a stage has by some step: the first step that copied source, and which installers had what they
    install from before that."""

    source: BuildStep | None = None
    installed: frozenset[int] = frozenset()


def order(place: Place) -> Iterator[Advice]:
    """Each RUN that installs dependencies after the source was copied, or that mounts the source."""
    code = tuple(path for path in place.given.files if _is_code(path))
    states: dict[int, _State] = {}
    for stage in place.closure:
        state = _State()
        for step in place.steps[stage.index]:
            if step.instruction.keyword == "FROM":
                state = next((states[index] for index in step.origins if index in states), state)
            elif step.instruction.keyword == "RUN":
                found, state = _after_run(place, step, state, code)
                yield from found
            elif state.source is None and _reads(step, code):
                state = _State(step, state.installed)
        states[stage.index] = state


def _after_run(
    place: Place, step: BuildStep, state: _State, code: Sequence[str]
) -> tuple[tuple[Advice, ...], _State]:
    text = _whole_text(step.instruction)
    installing = next(
        ((number, one) for number, one in enumerate(_INSTALLERS) if one.pattern.search(text)), None
    )
    if installing is None or "--no-deps" in text:
        return (), state
    number, installer = installing
    if _reads(step, code):
        return (_mounted(place, step, installer, text),), state
    if state.source is None:
        ready = installer.whole or _PROJECT.search(text) or _REQUIREMENTS.search(text)
        return (), _State(None, state.installed | {number}) if ready else state
    again = bool(installer.manifests) and (installer.whole or _PROJECT.search(text) is not None)
    if again and number in state.installed:
        return (), state
    return (_misplaced(place, state.source, step, installer, text),), state


def _misplaced(place: Place, source: BuildStep, step: BuildStep, installer: _Installer, text: str) -> Advice:
    needs = _needed(installer, text, place.given.files)
    first, later = source.instruction, step.instruction
    project = _installs_project(installer, text)
    names = " and ".join(posixpath.basename(path) for path in needs if not is_there(place, source, path))
    hint = f"copy {names} before the source" if names else f"move {shown(later)} above line {first.line}"
    parts = _split(place, step, installer, text)
    if not parts[0]:
        hint = "list the dependencies in requirements.txt, and install that before the source"
    wanted = Order(source, step, needs, *parts)
    better, span = better_order(place, wanted)
    if any(part[0] not in _MOVABLE for part in commands(later) if not part[0].startswith("<<")):
        # What else it does may need the source.
        better = None
    return place.advice(
        SOURCE_FIRST,
        later,
        f"each save runs {Line(later)} again, since {Line(first)} copies the source before it",
        hint,
        better=better,
        span=span,
        again=Again(step, source, needs, whole=not project),
    )


def _split(
    place: Place, step: BuildStep, installer: _Installer, text: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines that install the dependencies, and those that install the project itself once its source is
    there; all in the first where that cannot be told apart."""
    written = place.written(step.instruction)
    if not _installs_project(installer, text):
        return written, ()
    if installer.only is not None:
        pattern, replacement = installer.only
        return place.rewritten(step.instruction, lambda old: pattern.sub(replacement, old)) or (), written
    if not place.given.listing.intersection(_needed(installer, text, place.given.files)):
        # What is made dependencies of while it is built, as by setup.py, cannot be had without the source.
        return (), ()
    stages = place.instructions(stage for stage in place.closure if stage.index <= step.stage)
    above = [each.text for each, _ in stages if each.line < step.instruction.line]
    has_uv = any(_UV.search(text) for text in above)
    # With --system it passes over a virtual environment that comes first on the PATH.
    where = '--python "$(which python)"' if any(_VENV.search(text) for text in above) else "--system"
    asked = _EXTRAS.search(text)
    extras = "".join(f" --extra {name.strip()}" for name in asked[1].split(",") if name) if asked else ""
    with_uv = f"uv pip install {where} -r pyproject.toml{extras}"
    install = f"RUN {'' if has_uv else 'pip install --no-cache-dir uv && '}{with_uv}"
    rest = place.rewritten(
        step.instruction, lambda old: re.sub(r"(\binstall\b)(?=[^;&|]*\s[\"']?\.)", r"\1 --no-deps", old)
    )
    return (install,), rest or ()


def _installs_project(installer: _Installer, text: str) -> bool:
    if any(option in text for option in _WITHOUT_PROJECT):
        return False
    if installer is _PIP:
        return _PROJECT.search(text) is not None and not _REQUIREMENTS.search(text)
    return installer.only is not None


def _mounted(place: Place, step: BuildStep, installer: _Installer, text: str) -> Advice:
    needs = _needed(installer, text, place.given.files)
    wanted = next(iter(needs or installer.manifests), "requirements.txt")
    return place.advice(
        SOURCE_MOUNTED,
        step.instruction,
        f"each save runs {Line(step.instruction)} again, since it mounts the source",
        f"mount only what it installs from, as in --mount=type=bind,source={wanted},target={wanted}",
        again=Again(step, step, needs, whole=not _installs_project(installer, text)),
    )


def _needed(installer: _Installer, text: str, files: Sequence[str]) -> tuple[str, ...]:
    """The files of the context that it installs from, as the command or the installer's habit names them."""
    written = _REQUIREMENTS.findall(text)
    if not installer.whole and not written and not _PROJECT.search(text):
        return ()
    wanted = written if written and not installer.whole else installer.manifests
    nearest = (_nearest(name, files) for name in wanted)
    return tuple(dict.fromkeys(path for path in nearest if path))


def _nearest(name: str, files: Sequence[str]) -> str:
    """The file that a path within the image most likely comes from."""
    same = [path for path in files if posixpath.basename(path) == posixpath.basename(name)]
    return min(same, key=lambda path: (not f"/{name}".endswith(f"/{path}"), len(path)), default="")


def _reads(step: BuildStep, code: Sequence[str]) -> bool:
    return any(source.matches(path) for source in step.sources for path in code)


def _is_code(path: str) -> bool:
    name = posixpath.basename(path)
    return posixpath.splitext(name)[1] in _CODE and name not in _NO_CODE


def _whole_text(found: Instruction) -> str:
    return " ".join((found.text, *found.arguments, *(document.content for document in found.heredocs)))
