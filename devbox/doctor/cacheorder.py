"""Where a Dockerfile installs dependencies again with each save: they come after the source. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from devbox.build.dockerfile import BuildStep, Dockerfile, Instruction, build_steps, stage_closure
from devbox.doctor.finding import Finding, ok, warning
from devbox.doctor.words import instruction

CACHE_ORDER = "cache order"

_CODE = frozenset(
    {".py", ".pyi", ".js", ".jsx", ".mjs", ".ts", ".tsx", ".vue", ".svelte"}
    | {".html", ".jinja", ".j2", ".css", ".scss"}
)
_NO_CODE = frozenset({"setup.py"})
_REQUIREMENTS = re.compile(r"\s(?:-r|--requirements?|-c)[=\s]*([^\s;&|\"']+)")
_PROJECT = re.compile(r"\s[\"']?\.(?:\[[^\]]*\])?[\"']?(?:\s|$|[;&|])")


@dataclass(frozen=True, slots=True)
class _Installer:
    """`manifests` are the files that name the dependencies, `only` the command that installs nothing else;
    one without manifests takes names. With `whole` it always installs what its manifests name."""

    pattern: re.Pattern[str]
    manifests: tuple[str, ...] = ()
    only: str = ""
    whole: bool = True


def _command(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s;&|/])(?:{text})")


_PIP = _Installer(
    _command(r"pip3?\s(?:[^;&|]*\s)?(?:install|sync)\s"),
    ("pyproject.toml",),
    "RUN uv pip install --system -r pyproject.toml",
    whole=False,
)
_INSTALLERS = (
    _Installer(
        _command(r"uv\s+sync\b"), ("pyproject.toml", "uv.lock"), "RUN uv sync --locked --no-install-project"
    ),
    _Installer(
        _command(r"poetry\s+(?:\S+\s+)*?install\b"),
        ("pyproject.toml", "poetry.lock"),
        "RUN poetry install --no-root",
    ),
    _Installer(_command(r"pipenv\s+(?:install|sync)\b"), ("Pipfile", "Pipfile.lock")),
    _Installer(_command(r"npm\s+(?:ci|i|install)\b"), ("package.json", "package-lock.json")),
    _Installer(_command(r"pnpm\s+(?:i|install)\b"), ("package.json", "pnpm-lock.yaml")),
    _Installer(_command(r"yarn(?:\s+install\b|\s*$|\s+--)"), ("package.json", "yarn.lock")),
    _PIP,
    _Installer(_command(r"(?:apt-get|apt|apk|dnf|microdnf|yum|zypper)\s(?:[^;&|]*\s)?(?:install|add)\s")),
)


@dataclass(frozen=True, slots=True)
class _State:
    """What a stage has by some step: the first step that copied source, and which installers had what they
    install from before that."""

    source: BuildStep | None = None
    installed: frozenset[int] = frozenset()


def cache_order(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str, paths: Iterable[str]
) -> tuple[Finding, ...]:
    """One finding for each RUN that installs dependencies after the source was copied, or one that all is
    well; `paths` are the files of the build context. Raises DockerfileError as stage_closure does."""
    files = tuple(paths)
    code = tuple(path for path in files if _is_code(path))
    states: dict[int, _State] = {}
    found: list[Finding] = []
    for stage in stage_closure(dockerfile, target, build_args):
        state = _State()
        for step in build_steps(dockerfile, stage, build_args):
            if step.instruction.keyword == "FROM":
                state = next((states[index] for index in step.origins if index in states), state)
                continue
            if step.instruction.keyword == "RUN":
                state = _after_run(step, state, code, files, found)
            elif state.source is None and _reads(step, code):
                state = _State(step, state.installed)
        states[stage.index] = state
    return tuple(found) or (ok(CACHE_ORDER, "dependencies are installed before the source is copied"),)


def _after_run(
    step: BuildStep, state: _State, code: Sequence[str], files: Sequence[str], found: list[Finding]
) -> _State:
    text = _whole_text(step.instruction)
    installing = next(
        ((number, one) for number, one in enumerate(_INSTALLERS) if one.pattern.search(text)), None
    )
    if installing is None or "--no-deps" in text:
        return state
    number, installer = installing
    if _reads(step, code):
        found.append(_bound(step, installer))
        return state
    if state.source is None:
        ready = installer.whole or _PROJECT.search(text) or _REQUIREMENTS.search(text)
        return _State(None, state.installed | {number}) if ready else state
    again = bool(installer.manifests) and (installer.whole or _PROJECT.search(text) is not None)
    if not (again and number in state.installed):
        found.append(_misplaced(state.source, step, installer, text, files))
    return state


def _misplaced(
    source: BuildStep, step: BuildStep, installer: _Installer, text: str, files: Sequence[str]
) -> Finding:
    first, later = source.instruction, step.instruction
    named = _named_files(installer, text, files)
    run = instruction(later.text)
    if not named:
        better = f"move {run} above line {first.line}"
    else:
        alone = installer.only and (installer.whole or not _REQUIREMENTS.search(text))
        install = installer.only if alone else run
        better = f"above line {first.line} write COPY {' '.join(named)} ./ and {install}"
    return warning(
        CACHE_ORDER,
        f"each save runs line {later.line} ({run}) again, since line {first.line}"
        f" ({instruction(first.text)}) copies the source before it",
        better,
    )


def _bound(step: BuildStep, installer: _Installer) -> Finding:
    wanted = next(iter(installer.manifests), "requirements.txt")
    line = f"line {step.instruction.line} ({instruction(step.instruction.text)})"
    return warning(
        CACHE_ORDER,
        f"each save runs {line} again, since it mounts the source",
        f"mount only what it installs from, as in --mount=type=bind,source={wanted},target={wanted}",
    )


def _named_files(installer: _Installer, text: str, files: Sequence[str]) -> tuple[str, ...]:
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
