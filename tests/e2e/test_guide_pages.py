"""docs/guides: each command is run, in a folder of the page's own files, and prints what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts import compose
from tests.e2e.conftest import REPOSITORY, StartUp
from tests.e2e.devboxes import DEVBOX, get
from tests.e2e.guide_page import Answer, File, Typed, base_images_of, fits, read

PAGES = sorted((REPOSITORY / "docs" / "guides").glob("*.md"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def shell(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`devbox` is a command, and Compose is to be found; what that runs is gone afterwards."""
    program = tmp_path / "bin" / "devbox"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(DEVBOX)} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in compose.environment(tmp_path / "docker", os.environ).items():
        monkeypatch.setenv(name, value)
    yield
    if (folder / "compose.yaml").exists():
        typed("docker compose down --volumes --timeout 1", folder)


def typed(command: str, folder: Path) -> str:
    """What a command prints; it ends with 0."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_tells_what_happens(
    page: Path, folder: Path, start: StartUp, shell: None, base_images: Callable[..., None]
) -> None:
    # The project is called as the page is, and its port is 8000: here both are the test's own.
    text = re.sub(r"\b8000(?=:\d)|(?<=127\.0\.0\.1:)8000\b", str(free_port()), page.read_text())
    steps = read(text.replace(page.stem, folder.name))
    base_images(*base_images_of(steps))
    for step in steps:
        match step:
            case File(name, content):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                # What an earlier run built must not come out of the engine's cache.
                mark = f"# {folder.name}\n" if name.endswith(".py") else ""
                (folder / name).write_text(content + mark)
            case Typed(command, lines):
                said = typed(command, folder)
                assert fits(lines, said), f"{command}\n{said}"
            case Answer(url, lines):
                host, path = re.fullmatch(r"(http://[^/]+)(/.*)", url).groups()  # type: ignore[union-attr]
                status, body = get(host, path)
                assert (status, fits(lines, body)) == (200, True), f"{url}\n{body}"
