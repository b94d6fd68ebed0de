"""Which Python a project asks for. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from devbox.generate.values import PythonVersion

DEFAULT_PYTHON = "3.13"
_KNOWN = tuple(f"3.{minor}" for minor in (14, 13, 12, 11, 10, 9, 8))
_EXACT = re.compile(r"(?:c?python-?)?(3\.\d{1,2})(?:\.\d+|\.\*)?(?:[a-z]+\d*)?", re.IGNORECASE)
_CLAUSE = re.compile(r"(~=|===?|!=|<=|>=|<|>|\^|~)?\s*v?(\d+(?:\.(?:\d+|\*))*)")
# A release of a minor version that is newer than any: what Docker's tags without a patch mean.
_LATEST_PATCH = 99


def find_python(texts: Mapping[str, str]) -> PythonVersion:
    """The version that the project's files ask for, the plainest of them first; else the default."""
    for file in (".python-version", "runtime.txt"):
        lines = [line.strip() for line in texts.get(file, "").splitlines()]
        said = next((line for line in lines if line and not line.startswith("#")), "")
        if match := _EXACT.fullmatch(said):
            return PythonVersion(match[1], file)
    pipfile = table(read_toml(texts.get("Pipfile", "")), "requires")
    for key in ("python_version", "python_full_version"):
        if match := _EXACT.fullmatch(str(pipfile.get(key, ""))):
            return PythonVersion(match[1], "Pipfile")
    pyproject = read_toml(texts.get("pyproject.toml", ""))
    poetry = table(pyproject, "tool", "poetry", "dependencies")
    asked = table(pyproject, "project").get("requires-python") or poetry.get("python")
    if isinstance(asked, str) and (version := newest_within(asked)):
        return PythonVersion(version, "pyproject.toml")
    return PythonVersion(DEFAULT_PYTHON)


def newest_within(specifier: str) -> str:
    """The default version where a specifier (PEP 440, or Poetry's) allows it, else the newest known one, ''
    where it allows none."""
    for version in (DEFAULT_PYTHON, *_KNOWN):
        if any(_allows(part, version) for part in specifier.split("||")):
            return version
    return ""


def _allows(clauses: str, version: str) -> bool:
    found = [clause for clause in re.split(r"[,\s]+(?=[<>=!~^\d])", clauses.strip()) if clause]
    return all(_holds(clause.strip(), version) for clause in found)


def _holds(clause: str, version: str) -> bool:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        return clause == "*"
    operator, text = match[1] or "==", match[2]
    wanted = tuple(int(part) for part in text.split(".") if part != "*")
    major, minor = (int(part) for part in version.split("."))
    here = (major, minor, _LATEST_PATCH)
    match operator:
        case ">=" | ">":
            return here > wanted
        case "<=" | "<":
            return here < wanted
        case "!=":
            return (major, minor) != wanted
        case "==" | "===":
            return here[: min(len(wanted), 2)] == wanted[:2]
        case "^":
            return wanted <= here and major == wanted[0]
    # ~= gives way in the last part that is named, ~ in the minor version's patches.
    fixed = wanted[: len(wanted) - 1] if operator == "~=" else wanted[:2]
    return wanted <= here and here[: len(fixed)] == fixed


def read_toml(text: str) -> Mapping[str, Any]:
    """What a TOML text holds, nothing where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def table(values: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """A table within tables, nothing where there is none."""
    for key in keys:
        inside = values.get(key)
        if not isinstance(inside, Mapping):
            return {}
        values = inside
    return values
