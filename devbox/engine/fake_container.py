"""What a container of the fake engine does: its scripted behaviour, played on a loopback address."""

from __future__ import annotations

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from devbox.engine.values import ContainerFacts, ContainerSpec, ExecResult, ImageFacts, LogLine
from devbox.errors import Conflict
from devbox.model import Backend, RestartPolicy, VolumeMount

_KILLED = 137


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How every container of an image behaves.

    Once started it writes `log` to stdout, then ends with status `exits` if that is set; else, where
    `listens`, it answers any request on `port` with `text` and HTTP status `status`. `executes` are the
    answers to commands run inside it, None for one that never ends; an unknown command gives status 0.
    A container that is begun with one of the commands `runs` does that instead: it writes and ends.

    With `echoes` it writes each line of its standard input to stdout, and ends with status 0 when that ends.
    A container made with `stdin` writes, for each such line, what `stdin` gives for it; with `listens_after`
    it stands by: it listens from the first line on that has those bytes, and ends with status 0 when its
    input ends before.
    """

    text: str = "hello"
    port: int = 8000
    status: int = 200
    listens: bool = True
    log: tuple[str, ...] = ()
    exits: int | None = None
    out_of_memory: bool = False
    executes: Mapping[tuple[str, ...], ExecResult | None] = field(default_factory=dict)
    runs: Mapping[tuple[str, ...], ExecResult | None] = field(default_factory=dict)
    echoes: bool = False
    stdin: Callable[[bytes], tuple[str, ...]] | None = None
    listens_after: bytes | None = None


class FakeContainer:
    """One container; `address` is a loopback address of its own."""

    def __init__(self, number: int, spec: ContainerSpec, image: ImageFacts, behaviour: Behaviour) -> None:
        self.id = f"{number:064x}"
        self.number = number
        self.spec = spec
        self.behaviour = behaviour
        self.status = "created"
        self.exit_status = 0
        self.out_of_memory = False
        self.removed = False
        self.name = spec.name
        self.files: set[str] = set()
        self.networks = {network.name: network.aliases for network in spec.networks}
        self.restart = RestartPolicy()
        self.started = 0.0
        self._ends = 0
        # The engine gives a container its image's labels, its own over them.
        self.labels = {**image.labels, **spec.labels}
        self._image = image.id
        self._command = _command(spec, image)
        self._address = f"127.0.0.{1 + number}"
        self._published: dict[str, tuple[Backend, ...]] = {}
        self._log: list[LogLine] = []
        self._written: list[float] = []
        self._servers: list[asyncio.Server] = []
        self._stands_by = spec.stdin and behaviour.listens_after is not None
        # What comes before the start waits for it, as it does in the engine's own pipe.
        self._unheard = b""
        self._input_ended = not spec.stdin
        self._changed = asyncio.Condition()

    def facts(self) -> ContainerFacts:
        """What inspecting it gives."""
        running = self.status == "running"
        return ContainerFacts(
            id=self.id,
            name=self.name,
            image=self._image,
            status=self.status,
            labels=dict(self.labels),
            exit_status=self.exit_status,
            out_of_memory=self.out_of_memory,
            address=self._address if running else "",
            published=dict(self._published) if running else {},
            mounts=tuple(self._mount(mount) for mount in self.spec.mounts),
            command=self._command,
            addresses=(self._address,) if running else (),
            memory=self.spec.memory,
            started=self.started,
            restart=self.restart,
        )

    def _mount(self, mount: VolumeMount) -> VolumeMount:
        if mount.kind == "bind":
            return mount
        source = mount.source or f"anonymous-{self.number}{mount.target.replace('/', '-')}"
        return VolumeMount("volume", source, mount.target, mount.read_only)

    async def start(self) -> None:
        """Plays the behaviour; an image that exits at once has started all the same."""
        if self.status == "running":
            return
        self.status, self.exit_status, self.started = "running", 0, time.time()
        if self._command in self.behaviour.runs:
            await self._run(self.behaviour.runs[self._command])
            return
        for line in self.behaviour.log:
            await self.say(line)
        if self.behaviour.exits is not None:
            await self.end(self.behaviour.exits, out_of_memory=self.behaviour.out_of_memory)
            return
        if not self._stands_by:
            await self._listen()
        async with self._changed:
            self._changed.notify_all()
        await self._hear()

    async def _run(self, result: ExecResult | None) -> None:
        if result is not None:
            for line in result.output.splitlines():
                await self.say(line)
            await self.end(result.exit_status)

    async def give(self, data: bytes) -> None:
        """Takes bytes on its standard input, once it runs; raises Conflict when it has ended."""
        if self._over() or self._input_ended:
            raise Conflict(f"{self.name} takes no input", cause="its standard input has ended")
        self._unheard += data
        await self._hear()

    async def end_input(self) -> None:
        """Ends its standard input."""
        self._input_ended = True
        await self._hear()

    async def _hear(self) -> None:
        while self.status == "running" and b"\n" in self._unheard:
            line, _, self._unheard = self._unheard.partition(b"\n")
            await self._obey(line)
        if self._input_ended and (self.behaviour.echoes or self._stands_by):
            await self.end(0)

    async def _obey(self, line: bytes) -> None:
        answers = self.behaviour.stdin(line) if self.behaviour.stdin is not None else ()
        echo = (line.decode("utf-8", "replace"),) if self.behaviour.echoes else ()
        for answer in (*answers, *echo):
            await self.say(answer)
        if (
            self._stands_by
            and self.behaviour.listens_after is not None
            and self.behaviour.listens_after in line
        ):
            self._stands_by = False
            await self._listen()

    async def _listen(self) -> None:
        if self.behaviour.listens:
            self._servers.append(await self._serve(self._address, self.behaviour.port))
        for port in self.spec.ports:
            place = Backend(port.host_ip, port.host_port)
            if self.behaviour.listens and port.container_port == self.behaviour.port:
                server = await self._serve(port.host_ip, port.host_port)
                self._servers.append(server)
                place = Backend(port.host_ip, server.sockets[0].getsockname()[1])
            key = f"{port.container_port}/{port.protocol}"
            self._published[key] = (*self._published.get(key, ()), place)

    async def _serve(self, host: str, port: int) -> asyncio.Server:
        body = self.behaviour.text.encode()
        head = f"HTTP/1.1 {self.behaviour.status} Fake\r\nContent-Length: {len(body)}\r\n"

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
                await writer.drain()
            writer.close()

        return await asyncio.start_server(answer, host, port)

    async def say(self, line: str, stream: str = "stdout") -> None:
        """Writes one line to its log."""
        async with self._changed:
            self._log.append(LogLine("stderr" if stream == "stderr" else "stdout", line))
            self._written.append(time.time())
            self._changed.notify_all()

    async def end(self, exit_status: int = _KILLED, *, out_of_memory: bool = False) -> None:
        """Ends it with a status; one that does not run keeps the status it has."""
        if self.status != "running":
            return
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._published.clear()
        async with self._changed:
            self.status, self.exit_status, self.out_of_memory = "exited", exit_status, out_of_memory
            self._ends += 1
            self._changed.notify_all()

    async def remove(self) -> None:
        """Ends it and makes everybody who waits notice that it is gone."""
        await self.end()
        async with self._changed:
            self.removed = True
            self._changed.notify_all()

    async def ended(self) -> None:
        """Returns once it has been started and has ended, also where it runs again by then, or is removed."""
        async with self._changed:
            before = self._ends
            await self._changed.wait_for(lambda: self._over() or self._ends > before)

    async def execute(self, command: tuple[str, ...], bound: float) -> ExecResult:
        """What the behaviour says of a command; one that never ends gives 124 after `bound` seconds."""
        if self.status != "running":
            raise Conflict(f"cannot run a command in {self.spec.name}", cause="it is not running")
        result = self.behaviour.executes.get(command, ExecResult(0, ""))
        if result is not None:
            return result
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended(), bound)
        return ExecResult(124, "")

    @property
    def written(self) -> int:
        """How many lines it has written."""
        return len(self._log)

    async def lines_from(self, position: int, *, follow: bool = True) -> list[LogLine]:
        """Its lines from one on; with `follow`, none only once it has ended."""
        async with self._changed:
            if follow:
                await self._changed.wait_for(lambda: len(self._log) > position or self._over())
            return self._log[position:]

    async def lines(self, follow: bool, tail: int | None, since: float) -> AsyncIterator[LogLine]:
        """Its log from the first line on; with `follow` until it has ended."""
        position = 0 if tail is None else max(0, len(self._log) - tail)
        position = max(position, bisect_left(self._written, since))
        while lines := await self.lines_from(position, follow=follow):
            for line in lines:
                position += 1
                yield line
            if not follow:
                return

    def _over(self) -> bool:
        return self.removed or self.status == "exited"


def _command(spec: ContainerSpec, image: ImageFacts) -> tuple[str, ...]:
    if spec.entrypoint is None:
        return (*image.entrypoint, *(image.command if spec.command is None else spec.command))
    return (*spec.entrypoint, *(spec.command or ()))
