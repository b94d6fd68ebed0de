"""What is remembered of a project's files, so that changed lines can be named."""

from __future__ import annotations

from pathlib import Path

from devbox.build.dockerfile import parse
from devbox.config import load
from devbox.daemon.texts import Texts
from devbox.daemon.work import Source
from devbox.watch import Scanner, diff

_DOCKERFILE = "FROM base\nCOPY . .\nRUN pip install -r requirements.txt\n"


def _source(folder: Path, dockerfile: str = _DOCKERFILE) -> Source:
    (folder / "Dockerfile").write_text(dockerfile)
    config = load(folder, {}, {})
    snapshot = Scanner(folder, dockerfile=folder / "Dockerfile").scan()
    parsed = parse(dockerfile, "Dockerfile")
    return Source(config, snapshot, parsed, dockerfile.encode(), "Dockerfile", snapshot.digest, 0.0)


async def _told(folder: Path, edits: dict[str, str | bytes], dockerfile: str = _DOCKERFILE) -> dict[str, str]:
    """What is said of files that hold their own names and become what `edits` has."""
    for name in edits:
        (folder / name).write_text(f"{name}\n")
    base, texts = _source(folder, dockerfile), Texts()
    await texts.remember(base)
    for name, content in edits.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    now = _source(folder, dockerfile)
    return dict(await texts.differences(base, now, diff(base.snapshot, now.snapshot, 0.0, 0.0)))


async def test_lines_of_small_text_files_are_named(tmp_path: Path) -> None:
    assert await _told(tmp_path, {"requirements.txt": "two\n", "main.py": "two\n"}) == {
        "requirements.txt": "requirements.txt line 1: requirements.txt -> two",
        "main.py": "main.py line 1",
    }


async def test_nothing_is_said_of_secrets_of_what_is_no_text_and_of_what_is_large(tmp_path: Path) -> None:
    edits: dict[str, str | bytes] = {
        ".env": "KEY=2\n",
        "server.pem": "two\n",
        "requirements.txt": b"\xff\n",
        "large.txt": "x" * 70_000,
    }
    assert await _told(tmp_path, edits) == {}


async def test_nothing_is_said_of_what_no_run_builds_upon(tmp_path: Path) -> None:
    dockerfile = "FROM base\nCOPY requirements.txt .\nRUN install\nCOPY main.py .\n"
    told = await _told(tmp_path, {"requirements.txt": "two\n", "main.py": "two\n"}, dockerfile)
    assert list(told) == ["requirements.txt"]


async def test_a_file_saved_before_it_was_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("one\n")
    base, texts = _source(tmp_path), Texts()
    (tmp_path / "requirements.txt").write_text("two\n")
    await texts.remember(base)
    (tmp_path / "requirements.txt").write_text("three\n")
    now = _source(tmp_path)
    assert await texts.differences(base, now, diff(base.snapshot, now.snapshot, 0.0, 0.0)) == {}
