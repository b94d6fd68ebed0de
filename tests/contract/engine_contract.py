"""What every implementation of `devbox.engine.protocol.Engine` must do, as tests over a `Lab`.

A subclass gives the fixture `lab`; the fake and the real engine are held to the very same promises.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from devbox.engine.calls import THREAD_NAME
from devbox.engine.connections import Attached
from devbox.engine.fake import Behaviour
from devbox.engine.protocol import Engine
from devbox.engine.values import (
    BuildRequest,
    ContainerFacts,
    ContainerSpec,
    EngineEvent,
    ExecResult,
    LogLine,
    SessionOffer,
)
from devbox.errors import (
    ConfigError,
    Conflict,
    EngineError,
    EngineRefused,
    EngineUnreachable,
    NotFound,
    PortTaken,
    PullFailed,
)
from devbox.model import LABEL_PROJECT, LABEL_REVISION, PortMapping, VolumeMount

BOUND = 20.0
PROMPT = 0.5
SERVES = Behaviour(log=("first", "second"), text="it is me")
ENDS = Behaviour(log=("one", "two", "three"), exits=3)
SHELL = ("sh", "-c", "echo out; exit 3")
NEVER = ("sleep", "61")
ECHOES = Behaviour(echoes=True, listens=False)
# What a container of ECHOES does, said in an image's own words: the real one is begun with it.
ECHO = (
    "python3",
    "-c",
    "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.flush()",
)


class Lab(Protocol):
    """One engine, one project of its own, and a way to images that behave."""

    @property
    def engine(self) -> Engine: ...

    @property
    def project(self) -> str: ...

    async def image(self, behaviour: Behaviour) -> str:
        """A tag of an image, labelled with the project, whose containers behave like this."""
        ...

    def context(self, behaviour: Behaviour) -> Iterator[bytes]:
        """A build context out of which such an image is built."""
        ...

    def broken_context(self) -> Iterator[bytes]:
        """A build context whose build fails."""
        ...


def tar_of(files: Mapping[str, str]) -> bytes:
    """An uncompressed tar in the GNU format."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def spec_of(lab: Lab, image: str, name: str = "web", **changes: Any) -> ContainerSpec:
    """A container of the lab's project."""
    labels = {LABEL_PROJECT: lab.project, LABEL_REVISION: "1"}
    return ContainerSpec(f"{lab.project}-{name}", image, labels, **changes)


def request_of(lab: Lab, tag: str = "") -> BuildRequest:
    """A build of the lab's project."""
    return BuildRequest(
        build_id=uuid.uuid4().hex,
        tag=tag or f"devbox-test/{lab.project}:{uuid.uuid4().hex[:8]}",
        dockerfile="Dockerfile",
        labels={LABEL_PROJECT: lab.project},
    )


def engine_threads() -> int:
    """How many threads carry a call of an adapter."""
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


async def eventually(holds: Callable[[], Awaitable[bool]], bound: float = BOUND) -> None:
    """Waits until `holds` gives true, at most `bound` seconds."""
    deadline = time.monotonic() + bound
    while not await holds():
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.01)


async def started(lab: Lab, behaviour: Behaviour, name: str = "web", **changes: Any) -> str:
    """The id of a started container."""
    container = await lab.engine.create(spec_of(lab, await lab.image(behaviour), name, **changes))
    await lab.engine.start(container)
    return container


async def lines_of(lines: AsyncIterator[LogLine]) -> list[str]:
    """All lines of a log that ends."""
    async with asyncio.timeout(BOUND):
        return [piece.line async for piece in lines]


async def fetch(host: str, port: int) -> str:
    """The body of the answer to a GET, tried until something answers."""
    deadline = time.monotonic() + BOUND
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), BOUND)
        except OSError:
            answer = b""
        else:
            writer.close()
        if answer:
            return answer.partition(b"\r\n\r\n")[2].decode()
        assert time.monotonic() < deadline, "nothing answers"
        await asyncio.sleep(0.01)


async def facts_of(lab: Lab, container: str) -> ContainerFacts:
    """The facts of a container that must be there."""
    facts = await lab.engine.container(container)
    assert facts is not None
    return facts


async def echoing(lab: Lab) -> tuple[str, Attached]:
    """A container that is not started yet and will echo, and the streams attached to it."""
    spec = spec_of(lab, await lab.image(ECHOES), "echo", entrypoint=ECHO[:1], command=ECHO[1:], stdin=True)
    container = await lab.engine.create(spec)
    return container, await lab.engine.attach(container)


class Served(asyncio.Protocol):
    """What is served on a session: remembers whether it is open."""

    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


def offer() -> SessionOffer:
    """A session of its own, which answers no method."""
    return SessionOffer(uuid.uuid4().hex, "contract", ())


async def next_line(attached: Attached) -> str | None:
    """The next line, within the bound."""
    async with asyncio.timeout(BOUND):
        return await attached.line()


class EngineContract:
    """The promises, one test each."""

    async def test_it_says_who_it_is(self, lab: Lab) -> None:
        info = await lab.engine.info()
        assert info.name
        assert info.version
        assert info.publish_host == "127.0.0.1"

    async def test_an_image_that_is_not_there_is_none(self, lab: Lab) -> None:
        assert await lab.engine.image("devbox-test/nobody:1") is None

    async def test_an_image_is_found_by_tag_and_by_id(self, lab: Lab) -> None:
        tag = await lab.image(SERVES)
        by_tag = await lab.engine.image(tag)
        assert by_tag is not None
        assert by_tag.tags == (tag,)
        assert by_tag.labels[LABEL_PROJECT] == lab.project
        assert await lab.engine.image(by_tag.id) == by_tag

    async def test_images_come_newest_first_and_only_ours(self, lab: Lab) -> None:
        tags = [await lab.image(Behaviour(text=text)) for text in ("a", "b", "c")]
        assert [image.tags[0] for image in await lab.engine.images(lab.project)] == tags[::-1]
        assert await lab.engine.images(f"{lab.project}-other") == ()

    async def test_removing_an_image_twice_is_fine(self, lab: Lab) -> None:
        tag = await lab.image(SERVES)
        await lab.engine.remove_image(tag)
        await lab.engine.remove_image(tag)
        assert await lab.engine.image(tag) is None

    async def test_an_image_in_use_is_not_removed(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES)))
        for state in ("created", "running", "exited"):
            assert (await facts_of(lab, container)).status == state
            with pytest.raises(Conflict):
                await lab.engine.remove_image((await facts_of(lab, container)).image)
            if state == "created":
                await lab.engine.start(container)
            elif state == "running":
                await lab.engine.stop(container, 1.0)

    async def test_pulling_what_nobody_has_fails(self, lab: Lab) -> None:
        with pytest.raises(PullFailed) as failed:
            async for _ in lab.engine.pull("registry.invalid/nobody:1"):
                pass
        assert failed.value.cause

    async def test_asking_the_registry_for_what_nobody_has_fails(self, lab: Lab) -> None:
        with pytest.raises((PullFailed, EngineRefused)) as failed:
            await lab.engine.ask_registry("registry.invalid/nobody:1")
        assert failed.value.cause

    async def test_a_build_gives_an_image_with_tag_and_labels(self, lab: Lab) -> None:
        request = request_of(lab)
        messages = [m async for m in lab.engine.build(request, lab.context(SERVES))]
        ids = [m["aux"] for m in messages if m.get("id") == "moby.image.id"]
        image = await lab.engine.image(request.tag)
        assert image is not None
        assert ids == [{"ID": image.id}]
        assert image.labels[LABEL_PROJECT] == lab.project

    async def test_a_build_that_fails_says_so_in_a_message(self, lab: Lab) -> None:
        request = request_of(lab)
        messages = [m async for m in lab.engine.build(request, lab.broken_context())]
        assert any("error" in message for message in messages)
        assert await lab.engine.image(request.tag) is None

    async def test_what_the_context_raises_comes_unchanged(self, lab: Lab) -> None:
        mistake = OSError("the file shrank")

        def context() -> Iterator[bytes]:
            yield b"\0" * 512
            raise mistake

        with pytest.raises(OSError, match="the file shrank") as failed:
            async for _ in lab.engine.build(request_of(lab), context()):
                pass
        assert failed.value is mistake

    async def test_a_container_from_its_creation_to_its_end(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES)))
        facts = await facts_of(lab, container)
        assert (facts.id, facts.status, facts.running) == (container, "created", False)
        assert facts.name == f"{lab.project}-web"
        assert facts.labels[LABEL_REVISION] == "1"
        assert facts.address == ""
        await lab.engine.start(container)
        facts = await facts_of(lab, container)
        assert facts.running
        assert facts.address
        await lab.engine.stop(container, 2.0)
        facts = await facts_of(lab, container)
        assert (facts.status, facts.exit_status) == ("exited", 143)
        await lab.engine.remove_container(container)
        assert await lab.engine.container(container) is None

    async def test_a_container_is_found_by_name_too(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES)))
        assert (await facts_of(lab, f"{lab.project}-web")).id == container

    async def test_containers_come_newest_first_and_only_ours(self, lab: Lab) -> None:
        image = await lab.image(SERVES)
        await lab.engine.create(spec_of(lab, image, "a"))
        await lab.engine.create(spec_of(lab, image, "b"))
        names = [facts.name for facts in await lab.engine.containers(lab.project)]
        assert names == [f"{lab.project}-b", f"{lab.project}-a"]
        assert await lab.engine.containers(f"{lab.project}-other") == ()

    async def test_stopping_and_removing_what_is_gone_is_fine(self, lab: Lab) -> None:
        container = await started(lab, SERVES)
        for _ in range(2):
            await lab.engine.stop(container, 1.0)
        for _ in range(2):
            await lab.engine.remove_container(container)
        await lab.engine.stop(container, 1.0)

    async def test_a_name_is_taken_once(self, lab: Lab) -> None:
        image = await lab.image(SERVES)
        await lab.engine.create(spec_of(lab, image))
        with pytest.raises(Conflict):
            await lab.engine.create(spec_of(lab, image))

    async def test_creating_needs_an_image_and_what_is_to_be_mounted(self, lab: Lab) -> None:
        with pytest.raises(NotFound, match="devbox-test/nobody"):
            await lab.engine.create(spec_of(lab, "devbox-test/nobody:1"))
        mount = VolumeMount("bind", "/nowhere/to/be/found", "/data")
        with pytest.raises(ConfigError, match="/nowhere/to/be/found") as failed:
            await lab.engine.create(spec_of(lab, await lab.image(SERVES), mounts=(mount,)))
        assert failed.value.hint

    async def test_what_is_not_there_is_not_found(self, lab: Lab) -> None:
        for missing in (
            lab.engine.start("devbox-nobody"),
            lab.engine.wait("devbox-nobody"),
            lab.engine.exec("devbox-nobody", ("true",), 1.0),
            lab.engine.attach("devbox-nobody"),
            lab.engine.put_files("devbox-nobody", tar_of({"file": "text"})),
            lab.engine.rename("devbox-nobody", f"{lab.project}-somebody"),
            lab.engine.exists("devbox-nobody", "/file"),
            lines_of(lab.engine.logs("devbox-nobody", follow=False)),
            lines_of(lab.engine.logs("devbox-nobody", follow=True)),
        ):
            with pytest.raises(NotFound):
                await missing

    async def test_mounts_are_reported_with_their_sources(self, lab: Lab, tmp_path: Path) -> None:
        volume = f"{lab.project}-data"
        mounts = (
            VolumeMount("bind", str(tmp_path), "/bound", read_only=True),
            VolumeMount("volume", volume, "/named"),
            VolumeMount("anonymous", "", "/unnamed"),
        )
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES), mounts=mounts))
        reported = {mount.target: mount for mount in (await facts_of(lab, container)).mounts}
        assert reported["/bound"] == mounts[0]
        assert reported["/named"] == mounts[1]
        assert reported["/unnamed"].kind == "volume"
        assert reported["/unnamed"].source
        await lab.engine.remove_container(container)
        await lab.engine.remove_volume(volume)
        await lab.engine.remove_volume(reported["/unnamed"].source)

    async def test_it_answers_at_its_own_address(self, lab: Lab) -> None:
        if not (await lab.engine.info()).reaches_containers:
            return
        container = await started(lab, SERVES)
        assert await fetch((await facts_of(lab, container)).address, 8000) == "it is me"

    async def test_a_published_port_answers_and_has_a_publisher(self, lab: Lab) -> None:
        ports = (PortMapping("127.0.0.1", 0, 8000),)
        container = await started(lab, SERVES, ports=ports)
        (published,) = (await facts_of(lab, container)).published["8000/tcp"]
        assert published.host == "127.0.0.1"
        assert await fetch(published.host, published.port) == "it is me"
        assert await lab.engine.publisher(published.port, "tcp") == f"{lab.project}-web"
        assert await lab.engine.publisher(published.port, "udp") == ""
        taken = spec_of(
            lab, await lab.image(SERVES), "late", ports=(PortMapping("127.0.0.1", published.port, 8000),)
        )
        late = await lab.engine.create(taken)
        with pytest.raises(PortTaken, match=str(published.port)):
            await lab.engine.start(late)

    async def test_wait_gives_the_exit_status(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(ENDS)))
        waiting = asyncio.create_task(lab.engine.wait(container))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await lab.engine.start(container)
        assert await asyncio.wait_for(waiting, BOUND) == 3
        assert await lab.engine.wait(container) == 3

    async def test_what_ends_at_once_has_started_and_said_why(self, lab: Lab) -> None:
        container = await started(lab, ENDS)
        assert await lines_of(lab.engine.logs(container, follow=True)) == ["one", "two", "three"]
        assert (await facts_of(lab, container)).exit_status == 3

    async def test_a_log_followed_before_the_start_is_whole(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(ENDS)))
        following = asyncio.create_task(lines_of(lab.engine.logs(container, follow=True)))
        await asyncio.sleep(0.05)
        await lab.engine.start(container)
        assert await following == ["one", "two", "three"]

    async def test_a_log_can_be_read_from_its_end(self, lab: Lab) -> None:
        container = await started(lab, ENDS)
        await lab.engine.wait(container)
        assert await lines_of(lab.engine.logs(container, follow=False, tail=2)) == ["two", "three"]

    async def test_a_log_can_be_read_from_a_moment_on(self, lab: Lab) -> None:
        before = time.time()
        container = await started(lab, ENDS)
        await lab.engine.wait(container)
        said = lines_of(lab.engine.logs(container, follow=False, since=before - 1))
        assert await said == ["one", "two", "three"]
        assert await lines_of(lab.engine.logs(container, follow=False, since=time.time() + 1)) == []

    async def test_following_ends_when_the_container_is_removed(self, lab: Lab) -> None:
        container = await started(lab, SERVES)
        following = asyncio.create_task(lines_of(lab.engine.logs(container, follow=True)))

        async def said() -> bool:
            return len(await lines_of(lab.engine.logs(container, follow=False))) == 2

        await eventually(said)
        await lab.engine.remove_container(container)
        assert await following == ["first", "second"]

    async def test_a_command_gives_status_and_output(self, lab: Lab) -> None:
        answers = Behaviour(executes={SHELL: ExecResult(3, "out\n"), NEVER: None})
        container = await started(lab, answers)
        assert await lab.engine.exec(container, SHELL, BOUND) == ExecResult(3, "out\n")
        began = time.monotonic()
        assert (await lab.engine.exec(container, NEVER, 0.2)).exit_status == 124
        assert time.monotonic() - began < 0.2 + PROMPT
        await lab.engine.stop(container, 1.0)
        with pytest.raises(Conflict):
            await lab.engine.exec(container, SHELL, BOUND)

    async def test_what_is_sent_is_read_and_what_is_written_comes(self, lab: Lab) -> None:
        container, attached = await echoing(lab)
        await attached.send(b"before the start\n")
        await lab.engine.start(container)
        assert await next_line(attached) == "before the start"
        await attached.send(b"one\ntw")
        await attached.send("o é\n".encode())
        assert [await next_line(attached), await next_line(attached)] == ["one", "two é"]
        await attached.close()

    async def test_closing_the_streams_ends_the_input(self, lab: Lab) -> None:
        container, attached = await echoing(lab)
        await lab.engine.start(container)
        await attached.send(b"last\n")
        assert await next_line(attached) == "last"
        assert (await facts_of(lab, container)).running
        for _ in range(2):
            await attached.close()
        async with asyncio.timeout(BOUND):
            assert await lab.engine.wait(container) == 0
        assert await next_line(attached) is None
        with pytest.raises(EngineError):
            await attached.send(b"too late\n")

    async def test_lines_end_when_the_container_does(self, lab: Lab) -> None:
        container, attached = await echoing(lab)
        await lab.engine.start(container)
        await attached.send(b"hello\n")
        assert await next_line(attached) == "hello"
        await lab.engine.stop(container, 1.0)
        assert await next_line(attached) is None
        with pytest.raises(EngineError):
            await attached.send(b"too late\n")
        await attached.close()

    async def test_waiting_for_a_line_can_be_given_up_and_taken_up_again(self, lab: Lab) -> None:
        container, attached = await echoing(lab)
        await lab.engine.start(container)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await attached.line()
        await attached.send(b"still there\n")
        assert await next_line(attached) == "still there"
        await attached.close()

    async def test_much_is_sent_whole_though_nobody_reads_the_answers(self, lab: Lab) -> None:
        container, attached = await echoing(lab)
        await lab.engine.start(container)
        sent = [f"{number:08}" * 1000 for number in range(650)]
        async with asyncio.timeout(BOUND):
            await attached.send("".join(f"{line}\n" for line in sent).encode())
        assert [await next_line(attached) for _ in sent] == sent
        await attached.close()

    async def test_a_session_is_served_until_it_is_closed(self, lab: Lab) -> None:
        served = Served()
        session = await lab.engine.session(offer(), served)
        assert served.transport is not None
        assert not served.lost.is_set()
        ended = asyncio.create_task(session.ended())
        for _ in range(2):
            await session.close()
        async with asyncio.timeout(PROMPT):
            await ended
            await served.lost.wait()
        await session.ended()

    async def test_closing_the_engine_ends_sessions(self, lab: Lab) -> None:
        served = Served()
        session = await lab.engine.session(offer(), served)
        began = time.monotonic()
        await lab.engine.close()
        async with asyncio.timeout(BOUND):
            await session.ended()
            await served.lost.wait()
        assert time.monotonic() - began < PROMPT
        with pytest.raises(EngineUnreachable):
            await lab.engine.session(offer(), Served())

    async def test_closing_the_engine_ends_attached_streams(self, lab: Lab) -> None:
        container, attached = await echoing(lab)
        await lab.engine.start(container)
        await attached.send(b"hello\n")
        assert await next_line(attached) == "hello"
        waiting = asyncio.create_task(attached.line())
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await lab.engine.close()
        with pytest.raises(EngineUnreachable):
            await waiting
        with pytest.raises(EngineUnreachable):
            await attached.send(b"more\n")
        assert time.monotonic() - began < PROMPT
        await attached.close()
        with pytest.raises(EngineUnreachable):
            await lab.engine.attach(container)

    async def test_attached_streams_need_no_thread(self, lab: Lab) -> None:
        before = engine_threads()
        container, attached = await echoing(lab)
        await lab.engine.start(container)
        waiting = asyncio.create_task(attached.line())
        await asyncio.sleep(0.05)
        assert engine_threads() == before
        await attached.close()
        assert await waiting is None

    async def test_files_are_put_into_a_container_started_or_not(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES)))
        assert not await lab.engine.exists(container, "/put/early/file")
        await lab.engine.put_files(container, tar_of({"put/early/file": "1"}))
        await lab.engine.start(container)
        await lab.engine.put_files(container, tar_of({"put/late": "2"}))
        for path in ("/put", "/put/early", "/put/early/file", "/put/late"):
            assert await lab.engine.exists(container, path), path
        for path in ("/put/nothing", "/nowhere/at/all", "/put/late/below/a/file"):
            assert not await lab.engine.exists(container, path), path
        with pytest.raises(EngineRefused):
            await lab.engine.put_files(container, b"this is no tar" * 100)

    async def test_a_link_that_leads_nowhere_exists(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES)))
        link = tarfile.TarInfo("put/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/nowhere/at/all"
        await lab.engine.put_files(container, link.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
        assert await lab.engine.exists(container, "/put/link")
        assert not await lab.engine.exists(container, "/nowhere/at/all")

    async def test_a_container_gets_another_name(self, lab: Lab) -> None:
        image = await lab.image(SERVES)
        container = await lab.engine.create(spec_of(lab, image, "old"))
        await lab.engine.start(container)
        await lab.engine.rename(container, f"{lab.project}-new")
        assert (await facts_of(lab, container)).name == f"{lab.project}-new"
        assert (await facts_of(lab, f"{lab.project}-new")).id == container
        assert await lab.engine.container(f"{lab.project}-old") is None
        other = await lab.engine.create(spec_of(lab, image, "old"))
        with pytest.raises(Conflict):
            await lab.engine.rename(other, f"{lab.project}-new")
        await lab.engine.rename(f"{lab.project}-new", f"{lab.project}-newer")
        assert (await facts_of(lab, container)).name == f"{lab.project}-newer"

    async def test_an_entrypoint_takes_the_place_of_the_images_command_too(self, lab: Lab) -> None:
        image = await lab.image(SERVES)
        alone = spec_of(lab, image, "alone", entrypoint=("sleep", "60"))
        both = spec_of(lab, image, "both", entrypoint=("sleep",), command=("60",))
        for spec in (alone, both):
            container = await lab.engine.create(spec)
            assert (await facts_of(lab, container)).command == ("sleep", "60")

    async def test_a_volume_keeps_the_labels_it_was_made_with(self, lab: Lab) -> None:
        name = f"{lab.project}-cache"
        await lab.engine.ensure_volume(name, {LABEL_PROJECT: lab.project, "made": "first"})
        await lab.engine.ensure_volume(name, {LABEL_PROJECT: lab.project, "made": "later"})
        (volume,) = await lab.engine.volumes(lab.project)
        assert (volume.name, volume.labels["made"]) == (name, "first")
        assert await lab.engine.volume(name) == volume
        for _ in range(2):
            await lab.engine.remove_volume(name)
        assert await lab.engine.volumes(lab.project) == ()
        assert await lab.engine.volume(name) is None

    async def test_a_volume_in_use_is_not_removed(self, lab: Lab) -> None:
        name = f"{lab.project}-cache"
        await lab.engine.ensure_volume(name, {LABEL_PROJECT: lab.project})
        mounts = (VolumeMount("volume", name, "/cache"),)
        container = await lab.engine.create(spec_of(lab, await lab.image(SERVES), mounts=mounts))
        with pytest.raises(Conflict):
            await lab.engine.remove_volume(name)
        await lab.engine.remove_container(container)
        assert [volume.name for volume in await lab.engine.volumes(lab.project)] == [name]

    async def test_events_tell_of_our_containers(self, lab: Lab) -> None:
        container = await lab.engine.create(spec_of(lab, await lab.image(ENDS)))
        seen: list[EngineEvent] = []

        async def listen() -> None:
            async for event in lab.engine.events():
                if event.labels.get(LABEL_PROJECT) == lab.project:
                    seen.append(event)

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0.2)
        await lab.engine.start(container)

        async def died() -> bool:
            return any(event.action == "die" for event in seen)

        await eventually(died)
        assert [event.action for event in seen] == ["start", "die"]
        assert seen[0].container == container
        assert seen[0].labels[LABEL_REVISION] == "1"
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening

    async def test_cancelling_is_prompt_and_leaves_no_thread(self, lab: Lab) -> None:
        container = await started(lab, Behaviour(executes={NEVER: None}))

        async def listen() -> None:
            async for _ in lab.engine.events():
                pass

        for work in (
            lab.engine.wait(container),
            lines_of(lab.engine.logs(container, follow=True)),
            lab.engine.exec(container, NEVER, BOUND),
            listen(),
        ):
            before = engine_threads()
            task = asyncio.ensure_future(work)
            await asyncio.sleep(0.1)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < PROMPT
            assert engine_threads() == before

    async def test_a_stream_left_early_leaves_no_thread(self, lab: Lab) -> None:
        container = await started(lab, SERVES)
        before = engine_threads()

        async def first_line() -> str:
            async for piece in lab.engine.logs(container, follow=True):
                return piece.line
            return ""

        assert await first_line() == "first"

        async def gone() -> bool:
            return engine_threads() == before

        await eventually(gone)

    async def test_closing_ends_every_stream_and_every_call_after_it(self, lab: Lab) -> None:
        container = await started(lab, SERVES)
        waiting = asyncio.create_task(lab.engine.wait(container))
        following = asyncio.create_task(lines_of(lab.engine.logs(container, follow=True)))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await lab.engine.close()
        assert time.monotonic() - began < PROMPT
        for task in (waiting, following):
            with pytest.raises(EngineUnreachable):
                await task
        with pytest.raises(EngineUnreachable):
            await lab.engine.info()
