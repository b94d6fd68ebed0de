"""`devbox init --vscode`: both files, in the right folder, with nothing else touched."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from devbox.config import load
from devbox.daemon.editors import for_vscode
from devbox.errors import UsageError
from devbox.vscode.write import workspace_of
from tests.vscode.failures import write_project

REPOSITORY = Path(__file__).resolve().parents[3]
MATCHER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["owner", "pattern"],
    "properties": {
        **{name: {"type": "string"} for name in ("base", "owner", "source")},
        "applyTo": {"enum": ["allDocuments", "openDocuments", "closedDocuments"]},
        "severity": {"enum": ["error", "warning", "info"]},
        "fileLocation": {
            "type": "array",
            "prefixItems": [{"enum": ["relative", "autoDetect"]}, {"type": "string"}],
            "minItems": 2,
            "maxItems": 2,
        },
        "pattern": {
            "type": "object",
            "additionalProperties": False,
            "required": ["regexp"],
            "properties": {
                "regexp": {"type": "string"},
                **{
                    name: {"type": "integer", "minimum": 0}
                    for name in ("file", "location", "line", "column", "endLine", "endColumn", "severity")
                },
                **{name: {"type": "integer", "minimum": 0} for name in ("code", "message")},
                "kind": {"enum": ["file", "location"]},
                "loop": {"type": "boolean"},
            },
        },
        "background": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "activeOnStart": {"type": "boolean"},
                "beginsPattern": {"type": "string"},
                "endsPattern": {"type": "string"},
            },
        },
    },
}
TASKS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "tasks"],
    "properties": {
        "version": {"const": "2.0.0"},
        "tasks": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["label", "type", "command"],
                "properties": {
                    **{name: {"type": "string"} for name in ("label", "command", "detail")},
                    "type": {"enum": ["shell", "process"]},
                    "args": {"type": "array", "items": {"type": "string"}},
                    "isBackground": {"type": "boolean"},
                    "options": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"cwd": {"type": "string"}, "env": {"type": "object"}},
                    },
                    "group": {
                        "oneOf": [
                            {"enum": ["build", "test", "none"]},
                            {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {"kind": {"type": "string"}, "isDefault": {"type": "boolean"}},
                            },
                        ]
                    },
                    "presentation": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "reveal": {"enum": ["always", "silent", "never"]},
                            "panel": {"enum": ["shared", "dedicated", "new"]},
                            "showReuseMessage": {"type": "boolean"},
                        },
                    },
                    "runOptions": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "runOn": {"enum": ["default", "folderOpen"]},
                            "instanceLimit": {"type": "integer"},
                        },
                    },
                    "problemMatcher": {"oneOf": [MATCHER, {"type": "array", "items": MATCHER}]},
                },
            },
        },
    },
}
LAUNCH = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "configurations"],
    "properties": {
        "version": {"const": "0.2.0"},
        "configurations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "type", "request", "connect"],
                "properties": {
                    "name": {"type": "string"},
                    "type": {"const": "debugpy"},
                    "request": {"const": "attach"},
                    "connect": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"host": {"const": "127.0.0.1"}, "port": {"type": "integer"}},
                    },
                    "pathMappings": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["localRoot", "remoteRoot"],
                            "properties": {"localRoot": {"type": "string"}, "remoteRoot": {"type": "string"}},
                        },
                    },
                },
            },
        },
        "compounds": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "configurations"],
                "properties": {
                    "name": {"type": "string"},
                    "configurations": {"type": "array", "items": {"type": "string"}},
                    "preLaunchTask": {"type": "string"},
                    "stopAll": {"type": "boolean"},
                },
            },
        },
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "services" / "api"
    write_project(root)
    return root


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / ".vscode" / name).read_text())


async def init(root: Path, workspace: Path | None = None, *, run_on_open: bool = False) -> tuple[bool, ...]:
    done = await for_vscode(load(root, {}, {}), workspace, run_on_open=run_on_open)
    return tuple(file.changed for file in done.files)


async def test_both_files_hold_documented_keys_only_and_a_second_run_changes_nothing(project: Path) -> None:
    assert await init(project) == (True, True)
    tasks, launch = read(project, "tasks.json"), read(project, "launch.json")
    jsonschema.validate(tasks, TASKS)
    jsonschema.validate(launch, LAUNCH)
    assert await init(project) == (False, False)
    attach, compound = launch["configurations"][0], launch["compounds"][0]
    assert compound["configurations"] == [attach["name"]]
    assert compound["preLaunchTask"] in [task["label"] for task in tasks["tasks"]]
    assert attach["pathMappings"] == [{"localRoot": "${workspaceFolder}", "remoteRoot": "/code"}]


async def test_run_on_open(project: Path) -> None:
    await init(project)
    assert await init(project, run_on_open=True) == (True, False)
    tasks = read(project, "tasks.json")
    jsonschema.validate(tasks, TASKS)
    assert tasks["tasks"][0]["runOptions"]["runOn"] == "folderOpen"


async def test_a_project_in_a_folder_of_the_workspace(project: Path, tmp_path: Path) -> None:
    (project / "devbox.toml").write_text("debug_port = 6000\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".vscode").mkdir()
    assert workspace_of(project) == tmp_path
    await init(project)
    task, launch = read(tmp_path, "tasks.json")["tasks"][0], read(tmp_path, "launch.json")
    inside = "${workspaceFolder}/services/api"
    assert task["label"] == "devbox: up (services/api)"
    assert task["options"]["cwd"] == inside
    for matcher, owner in zip(task["problemMatcher"], ("devbox", "devbox advice"), strict=True):
        assert matcher["fileLocation"] == ["relative", inside]
        assert matcher["owner"].startswith(owner)
        assert matcher["owner"] != owner
    assert launch["configurations"][0]["pathMappings"] == [{"localRoot": inside, "remoteRoot": "/code"}]
    assert launch["configurations"][0]["connect"] == {"host": "127.0.0.1", "port": 6000}


def test_the_workspace_is_not_looked_for_above_the_repository(project: Path, tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    assert workspace_of(project) == project
    (tmp_path / "services" / ".git").mkdir()
    assert workspace_of(project) == project
    (tmp_path / "services" / ".vscode").mkdir()
    assert workspace_of(project) == tmp_path / "services"


async def test_a_workspace_that_does_not_hold_the_project(project: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match="does not lie in"):
        await init(project, tmp_path / "other")


async def test_a_broken_file_is_named_with_its_line_and_neither_is_touched(project: Path) -> None:
    (project / ".vscode").mkdir()
    broken = '{\n  "configurations": [\n    {"name": "mine"}\n    {"name": "yours"}\n  ]\n}\n'
    (project / ".vscode" / "launch.json").write_text(broken)
    with pytest.raises(UsageError, match=r"launch\.json:4:5: a ',' or ']' is missing"):
        await init(project)
    assert [path.name for path in (project / ".vscode").iterdir()] == ["launch.json"]
    assert (project / ".vscode" / "launch.json").read_text() == broken


async def test_another_default_build_task_stays_the_default(project: Path) -> None:
    (project / ".vscode").mkdir()
    own = {"label": "make", "command": "make", "group": {"kind": "build", "isDefault": True}}
    (project / ".vscode" / "tasks.json").write_text(json.dumps({"version": "2.0.0", "tasks": [own]}))
    await init(project)
    tasks = read(project, "tasks.json")["tasks"]
    assert tasks[0] == own
    assert tasks[1]["group"] == "build"


async def test_links_and_modes_stay(project: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("{}\n")
    real.chmod(0o640)
    (project / ".vscode").mkdir()
    (project / ".vscode" / "tasks.json").symlink_to(real)
    await init(project)
    assert (project / ".vscode" / "tasks.json").is_symlink()
    assert "devbox: up" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


async def test_without_a_dockerfile_the_debugger_looks_where_the_one_that_stands_in_puts_files(
    project: Path,
) -> None:
    (project / "Dockerfile").unlink()
    done = await for_vscode(load(project, {}, {}), None, run_on_open=False)
    assert done.notices == ()
    mappings = read(project, "launch.json")["configurations"][0]["pathMappings"]
    assert mappings == [{"localRoot": "${workspaceFolder}", "remoteRoot": "/app"}]


async def test_where_none_can_stand_in_either_the_debugger_looks_where_it_runs(project: Path) -> None:
    (project / "Dockerfile").unlink()
    (project / "requirements.txt").unlink()
    done = await for_vscode(load(project, {}, {}), None, run_on_open=False)
    assert "there is no Dockerfile" in done.notices[0]
    mappings = read(project, "launch.json")["configurations"][0]["pathMappings"]
    assert mappings == [{"localRoot": "${workspaceFolder}", "remoteRoot": "."}]


async def test_a_folder_that_goes_into_the_image_is_told(project: Path) -> None:
    (project / ".dockerignore").unlink()
    done = await for_vscode(load(project, {}, {}), None, run_on_open=False)
    assert done.notices == (".vscode is part of the build context: a line in .dockerignore spares builds",)


async def test_the_samples_files_are_what_init_writes(tmp_path: Path) -> None:
    sample = REPOSITORY / "sample"
    for name in ("Dockerfile", "devbox.toml", "requirements.txt", ".dockerignore"):
        (tmp_path / name).write_text((sample / name).read_text())
    (tmp_path / "app").mkdir()
    await for_vscode(load(tmp_path, {}, {}), None, run_on_open=False)
    for name in ("tasks.json", "launch.json"):
        assert (tmp_path / ".vscode" / name).read_text() == (sample / ".vscode" / name).read_text()
