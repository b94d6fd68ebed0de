"""Records what a real engine answers to builds, for the tests that replay it: python -m tests.streams.record

Each scenario is a build context whose answer goes to NAME.jsonl, line by line as it came (Docker Engine
20.10.24). No other build may run meanwhile: BuildKit does what two builds have in common once, under the
name that one of them has for it. `beside_another` is a recording of just that, and cannot be made again.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import tarfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devbox.engine import connect
from devbox.engine.docker import DockerEngine
from devbox.engine.values import BuildRequest

HERE = Path(__file__).parent
TAG = "devbox/recording:r1"
FILES = {"requirements.txt": "flask\n", "app/main.py": "print('one')\n"}
EDITED = {**FILES, "app/main.py": f"print('{uuid.uuid4()}')\n"}
BASE = "FROM python:3.13-slim\n"
APP = (
    BASE
    + "WORKDIR /app\nCOPY requirements.txt .\nRUN echo installing && sleep 0.2\nCOPY app app\nRUN echo done\n"
)
STAGES = (
    "FROM python:3.13-slim AS wheels\nRUN echo wheel one\nRUN echo wheel two && sleep 0.2\n"
    "FROM python:3.13-slim AS assets\nWORKDIR /assets\nRUN echo style && sleep 0.3 && date > style.css\n"
    "FROM python:3.13-slim\nCOPY --from=wheels /etc/hostname /wheels\nCOPY --from=assets /assets /assets\n"
    "RUN echo all [a 1/2] there\n"
)
PARALLEL = (
    "FROM python:3.13-slim AS slow\nRUN echo slow && sleep 20\n"
    "FROM python:3.13-slim AS broken\nRUN echo same\nRUN echo about to fail && sleep 0.5 && exit 7\n"
    "FROM python:3.13-slim\nCOPY --from=slow /etc/hostname /a\nCOPY --from=broken /etc/hostname /b\n"
)


@dataclass(frozen=True)
class Scenario:
    """A build; `before` is built first, unrecorded."""

    dockerfile: str
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))
    before: Mapping[str, str] | None = None
    buildkit: bool = True


TALK = (
    "RUN printf 'no line end'\n"
    "RUN printf 'not text: \\377\\n'\n"
    "RUN printf '10%%\\r50%%\\r100%%\\n'; printf 'one\\ntwo\\nthree'; printf 'to stderr\\n' >&2\n"
)

SCENARIOS = {
    "first": Scenario(APP),
    "cached": Scenario(APP, before=FILES),
    "source_only": Scenario(APP, EDITED, before=FILES),
    "failing_run": Scenario(
        BASE + "RUN echo fine\nRUN echo reason && echo oops >&2 && exit 3\nRUN echo never\n"
    ),
    "stages": Scenario(STAGES),
    "parallel_failure": Scenario(PARALLEL),
    "missing_copy": Scenario(BASE + "COPY nothere.txt /\n"),
    "parse_error": Scenario(BASE + "RUNN echo hello\n"),
    "talk": Scenario(BASE + TALK),
    "classic_first": Scenario(APP, buildkit=False),
    "classic_cached": Scenario(APP, before=FILES, buildkit=False),
    "classic_failing_run": Scenario(
        BASE + "RUN echo fine\nRUN echo reason && echo oops >&2 && exit 3\nRUN echo never\n", buildkit=False
    ),
    "classic_missing_copy": Scenario(BASE + "COPY nothere.txt /\n", buildkit=False),
    "classic_talk": Scenario(BASE + TALK + "RUN echo 'Step 9/9 : not a step'\n", buildkit=False),
    "classic_stages": Scenario(
        "FROM python:3.13-slim AS one\nRUN echo first\n"
        "FROM python:3.13-slim\nCOPY --from=one /etc/hostname /one\n",
        buildkit=False,
    ),
}


async def answer(engine: DockerEngine, scenario: Scenario, files: Mapping[str, str]) -> list[str]:
    """The answer's lines; a scenario that nothing was built for runs all of its steps."""
    request = BuildRequest(
        build_id=uuid.uuid4().hex,
        tag=TAG,
        dockerfile="Dockerfile",
        labels={"dev.devbox.project": "recording"},
        no_cache=scenario.before is None,
        buildkit=scenario.buildkit,
    )
    context = _tar({"Dockerfile": scenario.dockerfile, **files})
    return [json.dumps(message) async for message in engine.build(request, iter([context]))]


def _tar(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text in files.items():
            content = text.encode(errors="surrogateescape")
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


async def main(names: list[str]) -> None:
    engine = await connect()
    try:
        for name in names or SCENARIOS:
            scenario = SCENARIOS[name]
            if scenario.before is not None:
                await answer(engine, scenario, scenario.before)
            lines = await answer(engine, scenario, scenario.files)
            (HERE / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))
            print(f"{name}: {len(lines)} lines")
        for image in await engine.images("recording"):
            await engine.remove_image(image.id)
    finally:
        await engine.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
