"""Which frontend reads a Dockerfile with a `# syntax=` line."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import parse
from devbox.build.frontend import Frontends
from devbox.engine.fake import Behaviour, FakeEngine
from devbox.errors import PullFailed

from .traces import Heard

BODY = b"FROM python:3.13-slim\nRUN echo '# syntax=docker/dockerfile:1'\n# syntax=docker/dockerfile:1\n"


async def settled(content: bytes, engine: FakeEngine | None = None, heard: Heard | None = None) -> bytes:
    dockerfile = parse(content.decode("utf-8-sig"))
    return await Frontends(engine or FakeEngine()).settle(dockerfile, content, 1, heard or Heard())


async def test_without_the_line_nothing_is_asked_for() -> None:
    heard = Heard()
    assert await settled(BODY, heard=heard) == BODY
    assert heard.events == []


@pytest.mark.parametrize("there", [True, False])
async def test_a_frontend_that_can_be_had_is_used(there: bool) -> None:
    engine = FakeEngine()
    if there:
        engine.add_image("docker/dockerfile:1")
    else:
        engine.registry["docker/dockerfile:1"] = Behaviour()
    content = b"# syntax=docker/dockerfile:1\n" + BODY
    assert await settled(content, engine) == content
    assert await engine.image("docker/dockerfile:1") is not None


@pytest.mark.parametrize(
    ("line", "emptied"),
    [
        (b"# syntax=docker/dockerfile:1\n", b"# \n"),
        (b"#syntax=docker/dockerfile:1.7-labs\n", b"#\n"),
        (b"# Syntax = docker.io/docker/dockerfile:1\r\n", b"# \r\n"),
        (b"# escape=\\\n# syntax=docker/dockerfile:1\n", b"# escape=\\\n# \n"),
        (b"\xef\xbb\xbf# syntax=docker/dockerfile:1\n", b"\xef\xbb\xbf# \n"),
        (b"# syntax=docker/dockerfile@sha256:" + b"0" * 64 + b"\n", b"# \n"),
    ],
)
async def test_dockers_own_that_cannot_be_had_gives_way_to_the_engines(line: bytes, emptied: bytes) -> None:
    heard = Heard()
    assert await settled(line + BODY, heard=heard) == emptied + BODY
    assert "the engine's own frontend is used" in heard.lines[-1][2]


async def test_it_is_asked_for_once() -> None:
    heard, frontends = Heard(), Frontends(FakeEngine())
    content = b"# syntax=docker/dockerfile:1\n" + BODY
    dockerfile = parse(content.decode())
    first = await frontends.settle(dockerfile, content, 1, heard)
    said = len(heard.events)
    assert await frontends.settle(dockerfile, content, 2, heard) == first
    assert len(heard.events) == said


@pytest.mark.parametrize(
    "image", ["docker/dockerfile-upstream:master", "mine/frontend:1", "docker/dockerfile2"]
)
async def test_another_frontend_that_cannot_be_had_ends_the_build(image: str) -> None:
    with pytest.raises(PullFailed, match=image):
        await settled(f"# syntax={image}\n".encode() + BODY)
