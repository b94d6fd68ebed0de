"""The Dockerfile that stands in for one that nobody has written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devbox.config import load
from devbox.daemon.blame import problems
from devbox.daemon.news import News
from devbox.daemon.places import Places
from devbox.daemon.problems import reader
from devbox.daemon.project import published
from devbox.daemon.source import read_source
from devbox.daemon.template import NO_DOCKERFILE, Template, unwritten_rules
from devbox.daemon.work import Source
from devbox.errors import BuildFailed, DockerfileError, PullFailed, StartFailed
from devbox.events import ContextNotice, Event
from devbox.watch import Watcher

SOURCE = "# shop\nfrom fastapi import FastAPI\n\napp = FastAPI()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without a Dockerfile, as it lies on a disk: with more than its source."""
    files = {
        "main.py": SOURCE,
        "requirements.txt": "fastapi\n",
        ".python-version": "3.12\n",
        ".env": "TOKEN=1\n",
        ".venv/lib/python3.12/site-packages/flask.py": "from flask import Flask\napp = Flask('x')\n",
        ".git/HEAD": "ref\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


async def source_of(root: Path, template: Template | None = None, **flags: object) -> Source:
    config = load(root, flags, {})
    rules = unwritten_rules(config)
    async with Watcher(config.context, dockerfile=config.dockerfile, unwritten=rules) as watcher:
        return await read_source(config, watcher, template or Template())


async def test_it_is_built_from_and_what_is_no_source_is_left_out(project: Path) -> None:
    source = await source_of(project)
    assert source.generated is not None
    assert source.dockerfile_bytes == source.generated.dockerfile.encode()
    assert source.dockerfile_name == "Dockerfile"
    assert set(source.snapshot.entries) == {"main.py", "requirements.txt", ".python-version"}
    assert source.snapshot.notices == ()


async def test_it_is_the_same_until_what_it_is_made_from_changes(project: Path) -> None:
    template = Template()
    first = await source_of(project, template)
    (project / "main.py").write_text(f"{SOURCE}x = 1\n")
    second = await source_of(project, template)
    assert second.generated is first.generated
    assert second.context_digest != first.context_digest
    (project / ".python-version").write_text("3.11\n")
    assert (await source_of(project, template)).dockerfile_bytes != first.dockerfile_bytes


async def test_the_application_may_write_into_its_volumes(project: Path) -> None:
    volumes = ("shop-data:/data", "/app/my uploads", "seed:/seed:ro", "./main.py:/app/main.py")
    source = await source_of(project, volumes=volumes)
    assert source.generated is not None
    assert " --owner=app --group=app /app '/app/my uploads' /data\n" in source.generated.dockerfile
    assert " --owner=app --group=app /app\n" in (await source_of(project)).dockerfile_bytes.decode()


async def test_a_source_that_does_not_parse_just_now_keeps_it(project: Path) -> None:
    first = await source_of(project)
    (project / "main.py").write_text(f"{SOURCE}def f(:\n")
    assert (await source_of(project)).dockerfile_bytes == first.dockerfile_bytes


async def test_a_dockerfile_that_is_written_later_is_taken_and_its_own_rules(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(project, {}, {})
    rules = unwritten_rules(config)
    async with Watcher(config.context, dockerfile=config.dockerfile, unwritten=rules) as watcher:
        template = Template()
        assert (await read_source(config, watcher, template)).generated is not None
        (project / "Dockerfile").write_text("FROM scratch\n")
        source = await read_source(config, watcher, template)
        assert (source.generated, source.dockerfile_bytes) == (None, b"FROM scratch\n")
        assert {".env", ".git/HEAD", "Dockerfile"} <= set(source.snapshot.entries)
        # It may be on its way: removed, and written anew.
        (project / "Dockerfile").unlink()
        with pytest.raises(DockerfileError):
            await read_source(config, watcher, template)
        monkeypatch.setattr("devbox.daemon.template._SAVING", 0.0)
        source = await read_source(config, watcher, template)
        assert source.generated is not None
        assert ".env" not in source.snapshot.entries


async def test_an_ignore_file_of_ones_own_counts(project: Path) -> None:
    (project / ".dockerignore").write_text("main.py\n.venv\n")
    with pytest.raises(DockerfileError, match="no application was found"):
        await source_of(project)


async def test_it_listens_on_the_port_that_is_published(project: Path) -> None:
    for port, mapped in (("80:81", (80, 81)), ("0:8000", (0, 8000))):
        source = await source_of(project, ports=(port,))
        assert f"EXPOSE {mapped[1]}\n" in source.dockerfile_bytes.decode()
        (mapping,) = published(source.config, source.dockerfile)
        assert (mapping.host_port, mapping.container_port) == mapped


@pytest.mark.parametrize(
    ("flags", "init"), [({"dockerfile": "docker/web"}, False), ({"target": "web"}, True)]
)
async def test_a_file_or_stage_that_somebody_means_is_not_made_up(
    project: Path, flags: dict[str, Any], init: bool
) -> None:
    with pytest.raises(DockerfileError, match="there is no ") as caught:
        await source_of(project, **flags)
    assert ("devbox init" in caught.value.hint) is init


async def test_a_link_that_leads_nowhere_is_no_missing_dockerfile(project: Path) -> None:
    (project / "Dockerfile").symlink_to("elsewhere")
    with pytest.raises(DockerfileError, match="there is no Dockerfile"):
        await source_of(project)


async def test_nothing_recognisable_is_said_with_the_next_step(project: Path) -> None:
    (project / "requirements.txt").unlink()
    with pytest.raises(DockerfileError) as caught:
        await source_of(project)
    assert "there is no Dockerfile in" in caught.value.what
    assert "nothing names what main:app depends on" in caught.value.cause
    assert "requirements.txt" in caught.value.hint
    assert "--dockerfile" in caught.value.hint


async def test_it_is_said_once_with_what_is_missing_and_again_after_a_real_one(project: Path) -> None:
    said: list[Event] = []
    news = News(said.append)
    source = await source_of(project)
    news.context(source)
    news.context(source)
    told = [event.notice for event in said if isinstance(event, ContextNotice)]
    assert told == [NO_DOCKERFILE, "no server is a dependency: add a line to requirements.txt: uvicorn"]
    news.context(replace(source, generated=None))
    news.context(source)
    assert [event.notice for event in said if isinstance(event, ContextNotice)] == [*told, NO_DOCKERFILE]


async def test_failures_point_at_what_the_dockerfile_was_made_from(project: Path) -> None:
    source = await source_of(project)
    places = Places(source, reader(project))
    install = next(each.text for each in source.dockerfile.instructions if "-r requirements" in each.text)
    found = {
        problems(error, places)[0].file: problems(error, places)[0].line
        for error in (
            PullFailed("cannot pull python:3.12-slim"),
            BuildFailed(install, step=install, exit_status=1, log=("odd",)),
            StartFailed("exited with status 127", exit_status=127, log=("uvicorn: not found",)),
        )
    }
    assert found == {".python-version": 1, "requirements.txt": 1, "main.py": 4}


async def test_a_base_image_that_no_file_asks_for_is_no_problem_of_a_line_of_source(project: Path) -> None:
    (project / ".python-version").unlink()
    source = await source_of(project)
    error = PullFailed("cannot pull python:3.13-slim", cause="no such host")
    (found,) = problems(error, Places(source, reader(project)))
    assert (found.file, found.line) == ("requirements.txt", 1)
