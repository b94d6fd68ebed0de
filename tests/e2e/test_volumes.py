"""Volumes are the user's: the same ones on every revision, and kept until asked otherwise."""

from __future__ import annotations

from pathlib import Path

import docker

from tests.e2e.apps import DOCKERFILE, write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer, run

_SWAPS = 10


def test_named_bind_and_anonymous_volumes_keep_their_data(
    folder: Path, start: StartUp, engine: docker.DockerClient, tmp_path: Path
) -> None:
    bound = tmp_path / "bound"
    bound.mkdir()
    write_project(folder, dockerfile=DOCKERFILE.replace("CMD", "VOLUME /anonymous\nCMD"))
    volumes = ("-v", f"{folder.name}-named:/named", "-v", f"{bound}:/bound")
    up = start(*volumes)
    up.served(bound=120)
    for kind in ("named", "bound", "anonymous"):
        assert answer(up.url, f"/append/{kind}/file") == "done"
    for number in range(_SWAPS):
        write_server(folder, f"swap {number}")
        up.serves(f"swap {number}")
        for kind in ("named", "bound", "anonymous"):
            assert answer(up.url, f"/append/{kind}/file") == "done"
    everything = "x" * (_SWAPS + 1)
    assert up.interrupt() == 130
    assert run("down", str(folder)).returncode == 0
    again = start(*volumes)
    again.served()
    for kind in ("named", "bound", "anonymous"):
        assert answer(again.url, f"/read/{kind}/file") == everything
    assert again.interrupt() == 130
    run("down", str(folder), "--volumes")
    label = {"label": f"dev.devbox.project={folder.name}"}
    assert engine.volumes.list(filters=label) == []
    assert (bound / "file").read_text() == everything


def test_a_volume_that_was_there_before_is_used_and_never_removed(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    volume = engine.volumes.create(f"{folder.name}-foreign")
    try:
        write_project(folder)
        up = start("-v", f"{folder.name}-foreign:/data")
        up.served(bound=120)
        assert answer(up.url, "/append/data/file") == "done"
        assert up.interrupt() == 130
        assert run("down", str(folder), "--volumes").returncode == 0
        assert engine.volumes.get(f"{folder.name}-foreign").id == volume.id
    finally:
        volume.remove()
