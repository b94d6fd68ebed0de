"""A running devbox's settings beside those of the files and of somebody's flags."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devbox.compose.values import Compose
from devbox.config import load
from devbox.daemon.api.client import Client
from devbox.daemon.api.server import control_api
from devbox.daemon.attach import refuse_other_settings
from devbox.daemon.down import compose_of
from devbox.daemon.inforce import in_force
from devbox.daemon.lock import ProjectLock, make_runtime_directory
from devbox.errors import AlreadyRunning
from tests.unit.daemon.kit import Nothing

FLAGS: dict[str, Any] = {"ports": ("9000:8000",), "environment": {"B": "2"}, "env_file": (".env",)}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "devbox.toml").write_text('[environment]\nA = "1"\n')
    (tmp_path / ".env").write_text("")
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield tmp_path


async def test_only_what_a_running_devbox_does_otherwise_is_told(root: Path) -> None:
    files, control, directory = load(root, {}, {}), Nothing(), make_runtime_directory(root)
    assert await in_force(root) is None
    control.settings = load(root, FLAGS, {})
    with ProjectLock(directory):
        # It is just beginning.
        assert await in_force(root) is None
        async with control_api(directory, control):
            found = await in_force(root)
            assert found is not None
            others = found.others(files)
            assert others.keys() == {"ports", "environment", "env_files"}
            assert others["ports"][0]["host_port"] == 9000
            assert others["environment"] == {"A": "1", "B": "2"}
            assert found.sources["ports"] == "flag"
            control.settings = files
            found = await in_force(root)
            assert found is not None
            assert found.others(files) == {}


async def test_the_services_to_stop_are_those_of_a_file_that_a_flag_named(root: Path) -> None:
    files, control, directory = load(root, {}, {}), Nothing(), make_runtime_directory(root)
    assert await compose_of([files]) is None
    named = Compose("shop", "web", "dev.yaml", ("docker", "compose", "-f", "dev.yaml"), before=("db",))
    control.settings = files.model_copy(update={"compose": named})
    with ProjectLock(directory):
        async with control_api(directory, control):
            found = await compose_of([files])
    assert found is not None
    assert (found.file, found.command) == (named.file, named.command)
    own = Compose("shop", "web", "compose.yaml", ("docker", "compose"))
    assert await compose_of([files.model_copy(update={"compose": own})]) is own


async def test_flags_that_a_running_devbox_was_not_given_are_refused_by_name(root: Path) -> None:
    control, directory, client = Nothing(), make_runtime_directory(root), Client(root)
    control.settings = load(root, FLAGS, {})

    async def refused(**flags: Any) -> str:
        with pytest.raises(AlreadyRunning) as caught:
            await refuse_other_settings(client, root, flags, {})
        return caught.value.what

    with ProjectLock(directory):
        async with control_api(directory, control):
            for flags in ({}, FLAGS, {"ports": ("9000:8000",)}, {"ports": (), "debug": None}):
                assert (await refuse_other_settings(client, root, flags, {})).project == "shop"
            assert (await refused(ports=("9001:8000",))).endswith("with other settings: ports")
            # Neither is in the container, and yet it would not be what was asked for.
            assert (await refused(dockerfile="Dockerfile.dev")).endswith(": dockerfile")
            assert (await refused(env_file=("devbox.toml",))).endswith(": env_file")
