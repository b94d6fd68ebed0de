"""Writing tasks.json and launch.json into a workspace folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devbox.config import Config
from devbox.errors import UsageError
from devbox.place import split
from devbox.vscode.edit import put_entries
from devbox.vscode.entries import (
    LAUNCH_VERSION,
    TASKS_VERSION,
    compounds,
    configurations,
    name_of,
    path_mappings,
    placed,
    tasks,
)
from devbox.vscode.jsonc import Broken, parse

FOLDER = ".vscode"
DEFAULT_PORT = 5678


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it is now; `changed` is false where it held everything before. `entries` are devbox's."""

    path: Path
    changed: bool
    entries: tuple[str, ...]


def workspace_of(root: Path) -> Path:
    """The folder that is opened in VS Code: the nearest one with a `.vscode` from the project's up to that of
    its repository, else the project's own."""
    above = (root, *root.parents)
    repository = next((folder for folder in above if (folder / ".git").exists()), root)
    for folder in above:
        if (folder / FOLDER).is_dir():
            return folder
        if folder == repository:
            break
    return root


def write_entries(
    config: Config,
    workspace: Path,
    roots: Sequence[tuple[str, str]],
    *,
    run_on_open: bool,
    services: Sequence[str] = (),
) -> tuple[Written, ...]:
    """Puts devbox's entries for a project, or one service of it, into both files of `workspace`, those for
    `services` that run at once into tasks.json alone, and leaves all else in them.

    `roots` are (path in the container, path in the build context) of what COPYs bring there. Raises
    UsageError where one of the files is no JSONC, naming its line, and then touches neither; and where one
    cannot be written.
    """
    workspace = workspace.resolve()
    if not config.root.is_relative_to(workspace):
        raise UsageError(
            f"{config.root} does not lie in {workspace}",
            hint="--workspace names the folder opened in VS Code",
        )
    folder = "" if config.root == workspace else config.root.relative_to(workspace).as_posix()
    inside = ((remote, os.path.relpath(config.context / local, config.root)) for remote, local in roots)
    mappings = path_mappings([(remote, "" if local == "." else local) for remote, local in inside])
    target = workspace / FOLDER
    tasks_file, launch_file = target / "tasks.json", target / "launch.json"
    before = {path: _read(path) for path in (tasks_file, launch_file)}
    service = "" if services else split(config.place)[1]
    own = name_of("up", placed(folder, service))
    is_default = not _has_default(before[tasks_file], but=own)
    wanted = tasks(folder, run_on_open=run_on_open, is_default=is_default, service=service, services=services)
    after = {tasks_file: _put(tasks_file, before, TASKS_VERSION, {"tasks": wanted}, "label")}
    named = {tasks_file: tuple(str(task["label"]) for task in wanted)}
    if not services:
        attach = configurations(folder, config.debug_port or DEFAULT_PORT, mappings, service)
        both = compounds(folder, service)
        lists = {"configurations": attach, "compounds": both}
        after[launch_file] = _put(launch_file, before, LAUNCH_VERSION, lists, "name")
        named[launch_file] = tuple(str(entry["name"]) for entry in (*attach, *both))
    for path, text in after.items():
        if text != before[path]:
            _write(path, text)
    return tuple(Written(path, text != before[path], named[path]) for path, text in after.items())


def _put(
    path: Path,
    before: Mapping[Path, str],
    version: str,
    lists: Mapping[str, Sequence[Mapping[str, Any]]],
    key: str,
) -> str:
    try:
        return put_entries(before[path], version, lists, key)
    except Broken as error:
        raise UsageError(
            f"{path}:{error.line}:{error.column}: {error.reason}",
            hint="correct it, then run devbox init --vscode again; nothing was written",
        ) from error


def _has_default(text: str, *, but: str) -> bool:
    """Whether another task than devbox's own is what Run Build Task starts."""
    with suppress(Broken):
        root = parse(text)
        found = root.value.get("tasks") if root is not None and isinstance(root.value, dict) else None
        for task in found if isinstance(found, list) else ():
            group = task.get("group") if isinstance(task, dict) and task.get("label") != but else None
            if isinstance(group, dict) and group.get("kind") == "build" and group.get("isDefault"):
                return True
    return False


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text", cause=str(error), hint="save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read", cause=error.strerror or str(error)) from error


def _write(path: Path, text: str) -> None:
    """Replaces the file at once: whoever reads it sees the old text or the new one."""
    # A link stays a link.
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written", cause=error.strerror or str(error)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
