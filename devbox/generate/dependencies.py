"""Where a project's dependencies are written, who installs them, and what they are. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from devbox.generate.values import Dependencies, Manager
from devbox.generate.versions import read_toml, table

PYPROJECT, PIPFILE = "pyproject.toml", "Pipfile"
REQUIREMENTS = (
    *("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt"),
    *("requirements/requirements.txt", "requirements.in"),
)
_LOCKS: Mapping[str, Manager] = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm"}
_BACKENDS: Mapping[str, Manager] = {"uv_build": "uv", "poetry": "poetry", "pdm": "pdm"}
_LOCK_WITH: Mapping[Manager, str] = {
    "uv": "uv lock",
    "poetry": "poetry lock",
    "pdm": "pdm lock",
    "pipenv": "pipenv lock",
}
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?")
_OTHER_FILE = re.compile(r"\s*(?:-r|--requirement|-c|--constraint)[\s=]*([^\s#]+)")
_ITSELF = re.compile(r"\s*(?:(?:-e|--editable)[\s=]*)?\.(?:\[[^\]]*\])?\s*(?:#.*)?$")
# Each save asks, and most leave these files as they are.
_READ = 16
ARCHIVES = (".whl", ".tar.gz", ".zip")
_LOCAL_LINE = re.compile(
    r"\s*(?:(?:(?:-e|--editable)[\s=]*)?(?:file:(?!/))?(?=\.|[\w.-]+/)|(?:-f|--find-links)[\s=]*)"
    r"(?!\S+://)([^\s#;\[@]+)"
)
_LOCAL_URL = re.compile(r"file:///\$\{PROJECT_ROOT\}/([^\s#;]+)")
_EGG = re.compile(r"#(?:.*&)?egg=([\w.-]+)")
_NEEDS_GIT = re.compile(r"git\+(?:https?|ssh|file)://|\bgit\s*=")


def find_dependencies(texts: Mapping[str, str]) -> Dependencies | None:
    """Who installs what from which files, None where nothing names any dependency.

    A lock counts for more than what it was made from, and what a tool wrote for itself for more than
    requirements.txt, which others may have made from it.
    """
    pyproject = read_toml(texts.get(PYPROJECT, ""))
    for lock, manager in _LOCKS.items():
        if lock in texts and pyproject:
            return _of_pyproject(manager, lock, pyproject, texts)
    if PIPFILE in texts:
        return _of_pipfile(texts)
    manager_of = _manager(pyproject)
    if manager_of is not None and _names_of_pyproject(pyproject):
        return _of_pyproject(manager_of, "", pyproject, texts)
    for file in REQUIREMENTS:
        if file in texts:
            return _of_requirements(file, texts, pyproject)
    if _names_of_pyproject(pyproject):
        return _of_pyproject("uv", "", pyproject, texts)
    return None


def _manager(pyproject: Mapping[str, Any]) -> Manager | None:
    """The tool that a pyproject.toml is written for."""
    for manager in _LOCKS.values():
        if table(pyproject, "tool", manager):
            return manager
    backend = str(table(pyproject, "build-system").get("build-backend", ""))
    return _BACKENDS.get(backend.partition(".")[0])


def _of_pyproject(
    manager: Manager, lock: str, pyproject: Mapping[str, Any], texts: Mapping[str, str]
) -> Dependencies:
    notices: tuple[str, ...] = () if lock else (_unlocked(manager, PYPROJECT, f"{manager}.lock"),)
    workspace = manager == "uv" and bool(table(pyproject, "tool", "uv", "workspace"))
    if workspace:
        notices += ("members of the workspace are not installed: put their folders on PYTHONPATH",)
    local, outside = _within(_paths_of_pyproject(pyproject))
    return Dependencies(
        manager,
        PYPROJECT,
        lock,
        (PYPROJECT, lock) if lock else (PYPROJECT,),
        frozenset(_names_of_pyproject(pyproject)),
        _NEEDS_GIT.search(f"{texts[PYPROJECT]}\n{texts.get(lock, '')}") is not None,
        workspace,
        local,
        (*notices, *outside),
    )


def _unlocked(manager: Manager, manifest: str, lock: str) -> str:
    return (
        f"there is no {lock}: each build may take other versions that {manifest} allows; "
        f"{_LOCK_WITH[manager]} writes it"
    )


def _names_of_pyproject(pyproject: Mapping[str, Any]) -> set[str]:
    listed = table(pyproject, "project").get("dependencies", ())
    names = set(_names(line for line in listed if isinstance(line, str)) if isinstance(listed, list) else ())
    return names | set(_of_table(table(pyproject, "tool", "poetry", "dependencies")))


@lru_cache(_READ)
def lists_dependencies(pyproject: str) -> bool:
    """Whether the text of a pyproject.toml lists all its dependencies in the standard's form, and none of
    them is left to the build."""
    project = table(read_toml(pyproject), "project")
    dynamic = project.get("dynamic", ())
    return "name" in project and not {"dependencies", "optional-dependencies"}.intersection(dynamic)


def _of_table(dependencies: Mapping[str, Any]) -> Iterator[str]:
    """Names out of the tables of Poetry and Pipenv."""
    for name, value in dependencies.items():
        if name == "python" or (isinstance(value, Mapping) and value.get("optional")):
            continue
        yield normal(name)
        extras = value.get("extras", ()) if isinstance(value, Mapping) else ()
        yield from (f"{normal(name)}[{normal(str(extra))}]" for extra in extras)


def _paths_of_pyproject(pyproject: Mapping[str, Any]) -> Iterator[str]:
    listed = table(pyproject, "project").get("dependencies", ())
    for line in listed if isinstance(listed, list) else ():
        if isinstance(line, str) and (match := _LOCAL_URL.search(line)):
            yield match[1]
    needed = _names_of_pyproject(pyproject)
    for name, sources in table(pyproject, "tool", "uv", "sources").items():
        if normal(name) in needed:
            yield from _paths(sources if isinstance(sources, list) else [sources])
    yield from _paths(table(pyproject, "tool", "poetry", "dependencies").values())


def _paths(dependencies: Iterable[Any]) -> Iterator[str]:
    for value in dependencies:
        if isinstance(value, Mapping) and isinstance(value.get("path"), str):
            yield value["path"]


def _within(paths: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that lie in the project's folder, without that folder itself; and what to tell of the others."""
    found = dict.fromkeys(posixpath.normpath(path) for path in paths)
    outside = [path for path in found if path.startswith(("..", "/"))]
    told = (
        f"{path} lies outside of the project's folder, where no build finds it: publish it, or move it inside"
        for path in outside
    )
    return tuple(path for path in found if path not in outside and path != "."), tuple(told)


def _of_pipfile(texts: Mapping[str, str]) -> Dependencies:
    packages = table(read_toml(texts[PIPFILE]), "packages")
    local, outside = _within(_paths(packages.values()))
    lock = "Pipfile.lock" if "Pipfile.lock" in texts else ""
    return Dependencies(
        "pipenv",
        PIPFILE,
        lock,
        (PIPFILE, lock) if lock else (PIPFILE,),
        frozenset(_of_table(packages)),
        _NEEDS_GIT.search(texts[PIPFILE]) is not None,
        local=local,
        notices=(*(() if lock else (_unlocked("pipenv", PIPFILE, "Pipfile.lock"),)), *outside),
    )


def _of_requirements(file: str, texts: Mapping[str, str], pyproject: Mapping[str, Any]) -> Dependencies:
    files = _with_included(file, texts)
    lines = [line for each in files for line in texts.get(each, "").splitlines()]
    names = set(_names(lines))
    notices: tuple[str, ...] = ()
    if any(_ITSELF.match(line) for line in lines):
        if _names_of_pyproject(pyproject):
            # Only its dependencies are needed: to install the project itself would take its source first.
            return _of_pyproject("uv", "", pyproject, texts)
        notices = (f"take the line of the project itself out of {file}: its source is found without it",)
    missing = [each for each in files if each not in texts]
    notices += tuple(f"{file} names {each}, which is not there" for each in missing)
    local, outside = _within(match[1] for line in lines if (match := _LOCAL_LINE.match(line)))
    return Dependencies(
        "pip",
        file,
        "",
        tuple(each for each in files if each in texts),
        frozenset(names),
        any(_NEEDS_GIT.search(line) for line in lines),
        local=local,
        notices=(*notices, *outside),
    )


def _with_included(file: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """A requirements file and those that it names, relative to the project's folder."""
    found: dict[str, None] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop(0)
        if one in found:
            continue
        found[one] = None
        for line in texts.get(one, "").splitlines():
            if (match := _OTHER_FILE.match(line)) and "://" not in match[1]:
                other = posixpath.normpath(posixpath.join(posixpath.dirname(one), match[1]))
                if not other.startswith(("..", "/")):
                    waiting.append(other)
    return tuple(found)


def included_files(text: str, file: str) -> tuple[str, ...]:
    """The files that one requirements file names, relative to the project's folder."""
    return _with_included(file, {file: text})[1:]


def _names(requirements: Iterable[str]) -> Iterator[str]:
    for requirement in requirements:
        if egg := _EGG.search(requirement):
            yield normal(egg[1])
        match = _REQUIREMENT.match(requirement)
        if match is not None:
            name = normal(match[1])
            yield name
            yield from (f"{name}[{normal(extra.strip())}]" for extra in (match[2] or "").split(",") if extra)


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
