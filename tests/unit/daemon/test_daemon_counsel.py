"""Advice of a running session is that of what is on disk, whatever of it changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.config import load
from devbox.daemon import counsel as module
from devbox.daemon.advising import advice_on_disk, told
from devbox.daemon.counsel import Counsel
from devbox.daemon.source import read_source
from devbox.daemon.template import Template
from devbox.daemon.work import Source
from devbox.events import BuildAdvice
from devbox.watch import Watcher
from tests.unit.daemon.kit import Said

_DOCKERFILE = """\
FROM python AS other
CMD python main.py

FROM python:3.13-slim
WORKDIR /code
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
USER 1000
EXPOSE 8000
CMD ["uvicorn", "main:app"]
"""


async def now(folder: Path) -> Source:
    config = load(folder, {}, {})
    async with Watcher(config.context, dockerfile=config.dockerfile) as watcher:
        return await read_source(config, watcher, Template())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "fastapi\n"),
        ("devbox.toml", 'target = "other"\n'),
        (".dockerignore", ".*\n"),
        ("Dockerfile.dockerignore", ".git\n"),
        ("Dockerfile", f"{_DOCKERFILE}USER root\n"),
    ],
)
async def test_whatever_it_reads_has_it_thought_over_again(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "Dockerfile").write_text(_DOCKERFILE)
    (tmp_path / "main.py").write_text("")
    said = Said()
    counsel = Counsel(said)
    await counsel.tell(await now(tmp_path))
    (tmp_path / name).write_text(text)
    source = await now(tmp_path)
    await counsel.tell(source)
    assert said.kinds == ["build.advice"] * 2
    assert isinstance(said[1], BuildAdvice)
    assert said[1].findings == tuple(map(told, await advice_on_disk(source.config)))


async def test_a_save_of_a_file_has_nothing_thought_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").write_text(_DOCKERFILE)
    (tmp_path / "main.py").write_text("one")
    counsel = Counsel(Said())
    await counsel.tell(await now(tmp_path))
    asked: list[object] = []
    monkeypatch.setattr(module, "advise", asked.append)
    (tmp_path / "main.py").write_text("two")
    await counsel.tell(await now(tmp_path))
    assert asked == []
