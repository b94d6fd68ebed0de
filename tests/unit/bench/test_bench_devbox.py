"""The contestant devbox against a program that says what `devbox up --output jsonl` says."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from bench.app import App
from bench.child import BenchError
from bench.contestants.devbox import DevboxUp

STAND_IN = """\
import pathlib, sys, time
from devbox import events

def say(event):
    print(events.to_json(event), flush=True)

pathlib.Path("called").open("a").write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "down":
    sys.exit()
source = pathlib.Path("app/main.py")
say(events.SessionStarted(project="p", root="/", urls=(), engine="Docker Engine 1.2", version="3.4"))
for revision in range(1, 100):
    before = source.read_text()
    if "broken" in before:
        failure = events.Failure(what="revision failed", log=("NameError: broken",))
        say(events.ReleaseFailed(revision=revision, failure=failure, serving=revision - 1))
    else:
        timings = events.TimingsInfo(build=revision / 100)
        served = events.ReleaseServed(
            revision=revision, image="i", strategy="rolling", url="http://127.0.0.1:1234", timings=timings
        )
        say(served)
    while source.read_text() == before or not source.read_text():
        time.sleep(0.01)
"""


async def no_engine(_project: str) -> None:
    """The program builds no image that would have to be removed."""


@pytest.fixture
def contestant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DevboxUp:
    program = tmp_path / "devbox"
    program.write_text(f"#!{sys.executable}\n{STAND_IN}")
    program.chmod(0o755)
    monkeypatch.setattr("bench.contestants.devbox.DEVBOX", str(program))
    monkeypatch.setattr("bench.contestants.devbox.remove_images", no_engine)
    return DevboxUp(App.sample(tmp_path / "app"), tmp_path)


async def test_url_versions_and_parts_come_from_the_events(contestant: DevboxUp, tmp_path: Path) -> None:
    try:
        assert await contestant.start() == "http://127.0.0.1:1234"
        contestant.edit("edit 000001")
        assert (await contestant.split())["build"] == 0.02
    finally:
        await contestant.stop()
    assert contestant.about == "devbox 3.4, rolling"
    assert (tmp_path / "app" / "called").read_text().splitlines() == ["up --output jsonl", "down --volumes"]


async def test_the_volume_is_not_the_one_of_the_sample(contestant: DevboxUp, tmp_path: Path) -> None:
    try:
        await contestant.start()
    finally:
        await contestant.stop()
    settings = tomllib.loads((tmp_path / "app" / "devbox.toml").read_text())
    assert settings["project"].startswith("devbox-bench-")
    assert settings["volumes"] == [f"{settings['project']}-data:/data"]


async def test_a_release_that_fails_says_why(contestant: DevboxUp) -> None:
    try:
        await contestant.start()
        contestant.edit("broken")
        with pytest.raises(BenchError, match="NameError: broken"):
            await contestant.split()
    finally:
        await contestant.stop()
