"""Both builders on a real engine: what is sent is what the image has, and failures say what failed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from devbox.build import fetched
from devbox.build.buildkit import BuildKitBuilder
from devbox.build.classic import ClassicBuilder
from devbox.build.filesync import Listed, Listings
from devbox.build.job import Builder, BuildJob
from devbox.build.pull import pull_missing
from devbox.engine.docker import DockerEngine
from devbox.engine.values import ContainerSpec
from devbox.errors import BuildFailed, PullFailed, Superseded
from devbox.events import BuildLog, BuildStep, Event
from devbox.model import LABEL_PROJECT, Image, Plan
from devbox.watch import Scanner

from .conftest import BASE, RealLab

FROM = f"FROM {BASE}\n"
LIST = """
import hashlib, json, os, sys
found = {}
for folder, names, files in os.walk(b"/ctx"):
    for name in names + files:
        path = os.path.join(folder, name)
        status = os.lstat(path)
        link = os.readlink(path).hex() if os.path.islink(path) else ""
        plain = os.path.isfile(path) and not link
        content = open(path, "rb").read() if plain else b""
        kind = "l" if link else "f" if plain else "d"
        mode = 0 if link else status.st_mode & 0o7777
        found[path[5:].hex()] = [kind, mode, link, hashlib.sha256(content).hexdigest()]
print(json.dumps(found))
"""


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, BuildLog)]

    def saw(self, instruction: str, state: str) -> bool:
        steps = (event.step for event in self.events if isinstance(event, BuildStep))
        return any(step.instruction.startswith(instruction) and step.state == state for step in steps)


@dataclass
class Bench:
    """One project on disk and one builder."""

    lab: RealLab
    builder: Builder
    root: Path
    number: int = 0
    heard: Heard = field(default_factory=Heard)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def job(self, dockerfile: str | None = None, **changes: object) -> BuildJob:
        if dockerfile is not None:
            self.write("Dockerfile", dockerfile)
        self.number += 1
        job = BuildJob(
            number=self.number,
            tag=f"devbox/{self.lab.project}:r{self.number}",
            root=self.root,
            snapshot=Scanner(self.root).scan(),
            plan=Plan("a test"),
            dockerfile="Dockerfile",
            labels={LABEL_PROJECT: self.lab.project},
        )
        return replace(job, **changes)  # type: ignore[arg-type] # a test's own fields

    async def build(self, dockerfile: str | None = None, **changes: object) -> Image:
        self.heard = Heard()
        return await self.builder.build(self.job(dockerfile, **changes), self.heard)

    async def fail(self, dockerfile: str) -> BuildFailed:
        # The classic builder leaves what it had made so far: labelled, it is cleaned up with the rest.
        label = f"LABEL {LABEL_PROJECT}={self.lab.project}"
        dockerfile = re.sub(rf"(?m)^(FROM {BASE}.*)$", rf"\1\n{label}", dockerfile)
        with pytest.raises(BuildFailed) as caught:
            await self.build(dockerfile)
        return caught.value

    async def output(self, image: Image, *command: str) -> str:
        """What a command says in a container of the image."""
        engine = self.lab.engine
        name = f"{self.lab.project}-{self.number}"
        labels = {LABEL_PROJECT: self.lab.project}
        container = await engine.create(ContainerSpec(name, image.id, labels, command=command))
        await engine.start(container)
        assert await engine.wait(container) == 0
        said = [piece.line async for piece in engine.logs(container, follow=True)]
        await engine.remove_container(container)
        return "\n".join(said)


def fetching(engine: DockerEngine) -> BuildKitBuilder:
    return BuildKitBuilder(engine, Listings())


@pytest.fixture(params=[fetching, BuildKitBuilder, ClassicBuilder], ids=["fetched", "tar", "classic"])
def bench(request: pytest.FixtureRequest, lab: RealLab, tmp_path: Path) -> Bench:
    make: Callable[[DockerEngine], Builder] = request.param
    return Bench(lab, make(lab.engine), tmp_path)


@pytest.fixture
def buildkit(lab: RealLab, tmp_path: Path) -> Bench:
    return Bench(lab, fetching(lab.engine), tmp_path)


def on_disk(root: Path) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for path in root.rglob("*"):
        link = os.fsencode(path.readlink()).hex() if path.is_symlink() else ""
        plain = path.is_file() and not link
        kind = "l" if link else "f" if plain else "d"
        mode = 0 if link else stat.S_IMODE(path.lstat().st_mode)
        digest = hashlib.sha256(path.read_bytes() if plain else b"").hexdigest()
        found[os.fsencode(path.relative_to(root)).hex()] = [kind, mode, link, digest]
    return found


async def test_a_folder_s_new_mode_is_in_the_next_image(bench: Bench) -> None:
    (bench.root / "app" / "folder").mkdir(parents=True)
    bench.write("app/folder/file", bench.lab.project)
    for mode in (0o755, 0o700, 0o750, 0o755):
        (bench.root / "app" / "folder").chmod(mode)
        image = await bench.build(FROM + "COPY app /app\n")
        assert await bench.output(image, "stat", "-c", "%a", "/app/folder") == f"{mode:o}"


@pytest.mark.parametrize("bytes_name", [True, False])
async def test_the_image_has_what_is_on_disk(bench: Bench, bytes_name: bool) -> None:
    names = [
        "app/main.py",
        "with space",
        "new\nline",
        "grüße-🐍",
        "deep/" * 30 + "x" * 100,
        "z" * 120,
        "-dash",
    ]
    for name in names:
        bench.write(name, f"I am {name}")
    name = os.fsdecode(b"bytes-\xff") if bytes_name else "bytes"
    (bench.root / name).write_bytes(bytes(range(256)) * 5000)
    bench.write("none", "")
    bench.write(".dockerignore", "nothere\n")
    (bench.root / "script").write_text("#!/bin/sh\n")
    (bench.root / "script").chmod(0o755)
    (bench.root / "private").write_text("x")
    (bench.root / "private").chmod(0o600)
    (bench.root / "empty").mkdir(mode=0o700)
    (bench.root / "link").symlink_to("app/main.py")
    (bench.root / "dangling").symlink_to("no/such/" + "t" * 150)
    image = await bench.build(FROM + "COPY . /ctx\n")
    said = await bench.output(image, "python3", "-c", LIST)
    assert json.loads(said) == on_disk(bench.root)


async def test_cached_where_nothing_changed_and_run_from_the_change_on(bench: Bench) -> None:
    dockerfile = FROM + "WORKDIR /app\nCOPY requirements.txt .\nRUN cat requirements.txt\nCOPY app app\n"
    bench.write("requirements.txt", f"{bench.lab.project}\n")
    bench.write("app/main.py", "x = 1\n")
    first = await bench.build(dockerfile)
    assert [step.state for step in first.steps][2:] == ["done"] * 3
    assert bench.lab.project in bench.heard.lines
    again = await bench.build(dockerfile)
    assert [step.state for step in again.steps] == ["cached"] * 5
    assert again.id == first.id
    bench.write("app/main.py", f"x = '{bench.lab.project}'\n")
    reasons = {"COPY app app": "app/main.py changed"}
    edited = await bench.build(plan=Plan("app/main.py", reasons))
    assert [step.state for step in edited.steps] == ["cached"] * 4 + ["done"]
    assert edited.steps[-1].reason == "app/main.py changed"
    assert edited.id != first.id
    anew = await bench.build(no_cache=True)
    assert anew.steps[3].state == "done"
    assert [step.index for step in anew.steps] == [1, 2, 3, 4, 5]
    assert {step.total for step in anew.steps} == {5}


async def test_the_image_is_tagged_and_labelled_and_known_by_its_id(bench: Bench) -> None:
    image = await bench.build(FROM + "RUN true\n")
    facts = await bench.lab.engine.image(f"devbox/{bench.lab.project}:r1")
    assert facts is not None
    assert facts.id == image.id
    assert facts.labels[LABEL_PROJECT] == bench.lab.project


@pytest.fixture
def fetched_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What BuildKit asked for so far, the Dockerfile apart."""
    paths: list[str] = []
    packets = fetched._packets

    def noting(job: BuildJob, early: Mapping[str, bytes], listed: Listed, number: int) -> Iterator[bytes]:
        if listed.paths[number] != "Dockerfile":
            paths.append(listed.paths[number])
        return packets(job, early, listed, number)

    monkeypatch.setattr(fetched, "_packets", noting)
    return paths


async def test_only_what_changed_is_fetched(buildkit: Bench, fetched_paths: list[str]) -> None:
    dockerfile = FROM + "COPY assets /assets\nCOPY app /app\n"
    for number in range(20):
        buildkit.write(f"assets/{number}", f"{number}")
    buildkit.write("app/main.py", "x = 1\n")
    buildkit.write("app/gone.py", "")
    first = await buildkit.build(dockerfile)
    assert len(fetched_paths) == 22

    async def fetched_by(build: Awaitable[Image]) -> set[str]:
        fetched_paths.clear()
        image = await build
        assert image.steps[1].state == "cached"
        return set(fetched_paths)

    buildkit.write("app/main.py", "x = 2\n")
    assert await fetched_by(buildkit.build(dockerfile)) == {"app/main.py"}
    os.utime(buildkit.root / "assets" / "1", (1, 1))
    assert await fetched_by(buildkit.build(dockerfile)) == {"assets/1"}
    (buildkit.root / "app" / "gone.py").unlink()
    assert await fetched_by(buildkit.build(dockerfile)) == set()
    image = await buildkit.build(dockerfile)
    assert image.id != first.id
    assert await buildkit.output(image, "sh", "-c", "cat /app/*; ls /app") == "x = 2\nmain.py"


async def test_an_edit_of_the_same_size_and_time_is_fetched(buildkit: Bench) -> None:
    for content in ("x = 1", "x = 2"):
        buildkit.write("main.py", content)
        os.utime(buildkit.root / "main.py", ns=(10**18, 10**18))
        image = await buildkit.build(FROM + "COPY main.py /main.py\n")
        assert await buildkit.output(image, "cat", "/main.py") == content


async def test_a_failing_step(bench: Bench) -> None:
    error = await bench.fail(
        FROM + "RUN echo fine\nRUN echo reason && echo oops >&2 && exit 3\nRUN echo never\n"
    )
    assert error.what == "RUN echo reason && echo oops >&2 && exit 3 (exit 3)"
    # The engine reads the two streams apart from each other.
    assert (error.exit_status, sorted(error.log)) == (3, ["oops", "reason"])
    assert bench.heard.saw("RUN echo reason", "failed")
    assert not bench.heard.saw("RUN echo never", "running")
    assert await bench.lab.engine.image(f"devbox/{bench.lab.project}:r1") is None


async def test_output_as_a_person_sees_it(bench: Bench) -> None:
    await bench.build(
        FROM + "RUN printf 'no end'\nRUN printf '1%%\\r100%%\\n'; printf '\\377\\n'; printf 'last'\n",
        no_cache=True,
    )
    assert bench.heard.lines == ["no end", "100%", "�", "last"]


async def test_a_copy_of_what_is_not_there(bench: Bench) -> None:
    error = await bench.fail(FROM + "COPY nothere.txt /\n")
    assert error.step == "COPY nothere.txt /"
    assert "nothere.txt" in error.cause
    assert "is nothere.txt in the build context" in error.hint


@pytest.mark.parametrize(
    ("dockerfile", "cause"),
    [
        (FROM + "RUNN echo\n", "unknown instruction: RUNN"),
        (FROM + "COPY\n", "COPY requires at least two arguments"),
        ("FROM nowhere AS\n", "FROM requires"),
    ],
)
async def test_a_dockerfile_that_does_not_parse(bench: Bench, dockerfile: str, cause: str) -> None:
    error = await bench.fail(dockerfile)
    assert cause.lower() in error.cause.lower()
    assert error.exit_status is None


async def test_a_stage_and_arguments(bench: Bench) -> None:
    dockerfile = (
        f"ARG WHO=nobody\nFROM {BASE} AS one\nARG WHO\nRUN echo $WHO > /who\n"
        f"FROM one AS two\nRUN echo two >> /who\nFROM one AS three\nRUN exit 9\n"
    )
    image = await bench.build(dockerfile, target="two", build_args={"WHO": bench.lab.project})
    assert await bench.output(image, "cat", "/who") == f"{bench.lab.project}\ntwo"
    error = await bench.fail(dockerfile)
    assert error.step == "RUN exit 9"
    with pytest.raises(BuildFailed, match="four"):
        await bench.build(dockerfile, target="four")


async def test_no_network_for_a_step_that_shall_have_none(bench: Bench) -> None:
    await bench.build(FROM + "RUN ls /sys/class/net\n", network="none", no_cache=True)
    assert bench.heard.lines == ["lo"]


async def test_a_dockerfile_from_elsewhere_comes_along(bench: Bench) -> None:
    bench.write("main.py", "x")
    extra = {".devbox.Dockerfile": (FROM + "COPY main.py /main.py\n").encode()}
    job = replace(bench.job(), dockerfile=".devbox.Dockerfile", extra=extra)
    image = await bench.builder.build(job, bench.heard)
    assert await bench.output(image, "cat", "/main.py") == "x"


async def test_a_file_that_changed_since_the_look_ends_it_without_an_image(bench: Bench) -> None:
    bench.write("big", "a" * 3_000_000)
    job = bench.job(FROM + "COPY . /ctx\n")
    bench.write("big", "b" * 3_000_000)
    with pytest.raises(Superseded, match="big changed"):
        await bench.builder.build(job, Heard())
    assert await bench.lab.engine.image(job.tag) is None


@contextlib.contextmanager
def running(seconds: str) -> Iterator[Callable[[], bool]]:
    """Whether a `sleep` of so many seconds runs anywhere on this machine."""
    yield lambda: any(
        process.info["cmdline"] == ["sleep", seconds] for process in psutil.process_iter(["cmdline"])
    )


async def until(true: Callable[[], bool], bound: float) -> None:
    deadline = time.monotonic() + bound
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_cancelling_ends_the_step_on_the_engine(bench: Bench) -> None:
    seconds = f"47.{os.getpid()}{'1' if isinstance(bench.builder, BuildKitBuilder) else '2'}"
    task = asyncio.create_task(bench.build(FROM + f"RUN sleep {seconds}\n"))
    with running(seconds) as sleeps:
        await until(sleeps, 20)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 2
        await until(lambda: not sleeps(), 3)


async def test_stages_run_beside_each_other_and_in_the_dockerfiles_order(buildkit: Bench) -> None:
    nonce = buildkit.lab.project
    dockerfile = (
        f"FROM {BASE} AS zebra\nRUN sleep 1 && echo {nonce} > /z\n"
        f"FROM {BASE} AS apple\nRUN sleep 1 && echo {nonce} > /a\n"
        f"FROM {BASE}\nCOPY --from=zebra /z /z\nCOPY --from=apple /a /a\n"
    )
    began = time.monotonic()
    image = await buildkit.build(dockerfile)
    slow = [step for step in image.steps if step.instruction.startswith("RUN sleep")]
    assert [step.stage for step in slow] == ["zebra", "apple"]
    assert all(step.seconds >= 1 for step in slow)
    # They may wait for each other only on an engine that is told to run one step at a time.
    assert time.monotonic() - began < sum(step.seconds for step in image.steps) + 5
    assert image.steps[-1].instruction == "COPY --from=apple /a /a"


async def test_the_step_beside_the_failing_one_is_cancelled(buildkit: Bench) -> None:
    nonce = buildkit.lab.project
    error = await buildkit.fail(
        f"FROM {BASE} AS slow\nRUN echo {nonce} && sleep 30\n"
        f"FROM {BASE} AS bad\nRUN echo {nonce} && sleep 1 && exit 7\n"
        f"FROM {BASE}\nCOPY --from=slow /etc/hostname /a\nCOPY --from=bad /etc/hostname /b\n"
    )
    assert error.exit_status == 7
    assert error.log == (nonce,)
    assert buildkit.heard.saw(f"RUN echo {nonce} && sleep 30", "cancelled")


async def test_heredocs_where_the_engine_knows_them(buildkit: Bench) -> None:
    info = await buildkit.lab.engine.info()
    dockerfile = FROM + "RUN <<END\necho one\necho two\nEND\n"
    if int(info.version.split(".")[0]) >= 23:
        image = await buildkit.build(dockerfile, no_cache=True)
        assert buildkit.heard.lines == ["one", "two"]
        assert image.steps[1].instruction.startswith("RUN <<END")
    else:
        assert "unknown instruction" in (await buildkit.fail(dockerfile)).cause


async def test_a_dockerfile_in_a_linked_folder(bench: Bench) -> None:
    """`docker` is a link within the context: the Dockerfile is read through it, and sent besides."""
    dockerfile = FROM + "COPY main.py /main.py\n"
    bench.write("main.py", "x")
    bench.write("real/Dockerfile", dockerfile)
    (bench.root / "docker").symlink_to("real")
    job = bench.job(extra={"docker/Dockerfile": dockerfile.encode()})
    image = await bench.builder.build(replace(job, dockerfile="docker/Dockerfile"), bench.heard)
    assert image.steps[-1].instruction == "COPY main.py /main.py"


async def test_a_base_image_that_is_there_is_not_pulled(lab: RealLab) -> None:
    heard = Heard()
    await pull_missing(lab.engine, [BASE], 1, heard)
    assert heard.events == []


async def test_a_base_image_that_cannot_be_had(lab: RealLab) -> None:
    heard = Heard()
    with pytest.raises(PullFailed) as caught:
        await pull_missing(lab.engine, ["localhost:1/devbox-no-such-image:1"], 1, heard)
    assert caught.value.hint
    assert heard.lines == ["pulling"]
