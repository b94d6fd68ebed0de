"""A real engine for every test here, and a project of its own that is cleaned up after it.

Without an engine these tests fail; they are never skipped.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass

import pytest

from devbox.engine import connect
from devbox.engine.docker import DockerEngine
from devbox.engine.fake import Behaviour
from devbox.errors import EngineUnreachable
from tests.contract.engine_contract import request_of, tar_of

BASE = "python:3.13-slim"
_PLAY = """
import http.server, json, sys
b = json.loads(sys.argv[1])
for line in b["log"]: print(line, flush=True)
if b["exits"] is not None: sys.exit(b["exits"])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(b["status"]); self.end_headers(); self.wfile.write(b["text"].encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("", b["port"]), Answer).serve_forever()
"""


@dataclass
class RealLab:
    """A real engine and one project on it."""

    engine: DockerEngine
    project: str

    async def image(self, behaviour: Behaviour) -> str:
        return await self.image_of(_dockerfile(behaviour))

    async def image_of(self, dockerfile: str, tag: str = "") -> str:
        """The tag of an image built from this Dockerfile and nothing else."""
        request = request_of(self, tag)
        context = iter([tar_of({"Dockerfile": dockerfile})])
        messages = [m async for m in self.engine.build(request, context)]
        assert not any("error" in message for message in messages), messages
        return request.tag

    def context(self, behaviour: Behaviour) -> Iterator[bytes]:
        yield tar_of({"Dockerfile": _dockerfile(behaviour)})

    def broken_context(self) -> Iterator[bytes]:
        yield tar_of({"Dockerfile": f"FROM {BASE}\nRUN exit 4\n"})


def _dockerfile(behaviour: Behaviour) -> str:
    played = json.dumps({**asdict(behaviour), "executes": None})
    return f"FROM {BASE}\nCMD {json.dumps(['python3', '-c', _PLAY, played])}\n"


@pytest.fixture
async def engine() -> AsyncIterator[DockerEngine]:
    """The engine of this machine."""
    try:
        engine = await connect()
    except EngineUnreachable as error:
        pytest.fail(
            f"these tests need an engine: {error} ({error.hint}). `make test` runs those that need none.",
            pytrace=False,
        )
    yield engine
    await engine.close()


@pytest.fixture
async def lab(engine: DockerEngine) -> AsyncIterator[RealLab]:
    """A project of this test's own; whatever bears its label is removed afterwards."""
    lab = RealLab(engine, f"real{uuid.uuid4().hex[:10]}")
    yield lab
    await remove_all(lab.project)


async def remove_all(project: str) -> None:
    """Removes whatever bears the project's label."""
    cleaner = await connect()
    try:
        for container in await cleaner.containers(project):
            await cleaner.remove_container(container.id)
        for image in await cleaner.images(project):
            await cleaner.remove_image(image.id)
        for volume in await cleaner.volumes(project):
            await cleaner.remove_volume(volume.name)
        for network in await cleaner.networks(project):
            await cleaner.remove_network(network.name)
    finally:
        await cleaner.close()
