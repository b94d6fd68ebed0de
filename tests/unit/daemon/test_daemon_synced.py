"""What a compose file syncs into the container, against what the Dockerfile brings there."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.build.dockerfile import parse
from devbox.compose.values import Compose, Sync
from devbox.config import load
from devbox.daemon.synced import unsynced
from devbox.daemon.work import Source
from devbox.model import Entry, Kind, Snapshot

_DOCKERFILE = "FROM base\nWORKDIR /code\nCOPY app app\nCOPY main.py start.py ./\n"


@pytest.mark.parametrize(
    ("path", "target", "brought"),
    [
        ("app", "/code/app", True),
        ("app/", "/code/app/", True),
        ("app", "/srv/app", False),
        ("app/api", "/code/app/api", True),
        ("app/api", "/code/app", False),
        ("main.py", "/code/main.py", True),
        ("main.py", "/code", True),
        ("main.py", "/code/other.py", False),
        ("notes", "/code/notes", False),
        ("empty", "/code/empty", True),
        ("../beside", "/code/app", False),
    ],
)
def test_only_what_a_copy_brings_is_synced(tmp_path: Path, path: str, target: str, brought: bool) -> None:
    files = ("app/api/orders.py", "app/main.py", "main.py", "notes/todo.txt", "start.py")
    entries = {name: Entry(Kind.FILE, 0o644, name, 1) for name in files}
    entries |= {name: Entry(Kind.DIRECTORY, 0o755) for name in ("app", "app/api", "empty", "notes")}
    config = load(tmp_path, {}, {})
    source = Source(
        config, Snapshot(entries, "1"), parse(_DOCKERFILE), _DOCKERFILE.encode(), "Dockerfile", "1", 0.0
    )
    compose = Compose("shop", "api", "compose.yaml", (), syncs=(Sync(str(config.root / path), target),))
    told = unsynced(compose, source)
    assert bool(told) is not brought
    if told:
        assert target in told[0]
        assert "no COPY of the Dockerfile brings it" in told[0]
        outside = path.startswith("..")
        step = f"./{path}:{target}" if outside else f"the line COPY {path} {target} brings it"
        assert told[0].endswith(step)
