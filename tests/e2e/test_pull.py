"""A base image that is not there is pulled first, and one can see how far it is."""

from __future__ import annotations

from pathlib import Path

import docker

from tests.e2e.apps import DOCKERFILE, write_project
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer
from tests.e2e.registry import Registry


def test_a_missing_base_image_is_pulled_with_progress(
    folder: Path, start: StartUp, engine: docker.DockerClient, tmp_path: Path
) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    registry = Registry(engine, "python:3.13-slim", blobs, seconds=3)
    base, tag = registry.reference.rsplit(":", 1)
    try:
        text = DOCKERFILE.replace("python:3.13-slim", f"{base}:${{TAG}}")
        write_project(folder, dockerfile=f"ARG TAG=none\n{text}")
        up = start("--build-arg", f"TAG={tag}")
        up.served(bound=240)
        assert answer(up.url) == "one"
        told = [
            event["line"] for event in up.of("build.log") if event["step"] == f"pull {registry.reference}"
        ]
        assert told[0] == "pulling"
        assert told[-1] == "pulled", told
        assert any(" of " in line and line.endswith(" MB") for line in told), told
    finally:
        registry.close()
        engine.images.remove(registry.reference, force=True)
