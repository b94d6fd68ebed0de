"""Blocking calls carried by threads that a cancelled task can end at once.

A thread stuck in a socket read cannot be interrupted, but the socket can be shut down under it. So every
call has a thread to itself and keeps a list of the sockets it uses (`transport` adds them); aborting the
call shuts them down, which wakes the thread with an error that nobody waits for any more. Threads are used
again: to start one stops the event loop for a millisecond, and a save takes eight calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from devbox.errors import EngineUnreachable

T = TypeVar("T")

# What a thread is called while it carries a call, and while it waits for the next one.
THREAD_NAME = "devbox-engine-call"
_IDLE_NAME = "devbox-engine-idle"
# Far more than ever run at once: one that had to wait for a thread might wait for a stream's end.
_MOST_THREADS = 1000
# A consumer that is slower than the engine holds the thread back instead of filling the memory.
_MOST_WAITING_ITEMS = 1000
# An aborted thread ends within milliseconds unless it is inside somebody else's generator.
_SETTLE_SECONDS = 2.0

_running = threading.local()


class Aborted(Exception):
    """The call this thread carries was ended from outside."""


class Call:
    """One blocking piece of work, the sockets it holds, and the switch that ends it; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._ended = False
        self._aborted = threading.Event()

    @property
    def aborted(self) -> bool:
        return self._aborted.is_set()

    def adopt(self, sock: socket.socket) -> None:
        """Makes `sock` one that `abort` shuts down; raises Aborted when that has happened already."""
        with self._lock:
            self._sockets.add(sock)
        self.check()

    def abort(self) -> None:
        """Ends the call: wakes its thread from whatever socket or pause it is in."""
        with self._lock:
            self._aborted.set()
            if self._ended:
                return
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    # Not `sock.shutdown`: a TLS socket's own would take the TLS layer away from under
                    # the thread that is reading.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def check(self) -> None:
        """Raises Aborted once the call has been aborted."""
        if self._aborted.is_set():
            raise Aborted

    def pause(self, seconds: float) -> None:
        """Sleeps, or raises Aborted as soon as the call is aborted."""
        if self._aborted.wait(seconds):
            raise Aborted

    def carry(self, work: Callable[[], T]) -> T:
        """Runs `work` on this thread as this call; afterwards its sockets belong to the pool again."""
        _running.call = self
        try:
            self.check()
            return work()
        finally:
            _running.call = None
            with self._lock:
                self._ended = True
                self._sockets.clear()


def running_call() -> Call | None:
    """The call that this thread carries, None on any other thread."""
    call: Call | None = getattr(_running, "call", None)
    return call


def pause(seconds: float) -> None:
    """Sleeps on the thread of a call, which wakes up (with Aborted) when the call is aborted."""
    call = running_call()
    if call is None:
        raise RuntimeError("only the thread of a call may pause")
    call.pause(seconds)


def engine_closed() -> EngineUnreachable:
    """What becomes of a call on an adapter that was closed."""
    return EngineUnreachable("the engine is closed", cause="devbox has ended its use of it")


class _Mailbox(Generic[T]):
    """Items on their way from a call's thread to the event loop, and how the call ended."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._space = threading.Condition()
        self._items: deque[T] = deque()
        self._filled = asyncio.Event()
        self.ended = asyncio.Event()
        self.error: BaseException | None = None

    def put(self, item: T) -> None:
        """Called on the thread; waits while the consumer is behind."""
        with self._space:
            while len(self._items) >= _MOST_WAITING_ITEMS and not self._call.aborted:
                self._space.wait(0.1)
            self._items.append(item)
            if len(self._items) == 1:
                self._tell(self._filled.set)
        self._call.check()

    def end(self, error: BaseException | None) -> None:
        """Called on the thread as its last act."""
        self.error = error
        self._tell(self._finish)

    def _finish(self) -> None:
        self.ended.set()
        self._filled.set()

    def _tell(self, what: Callable[[], None]) -> None:
        # The loop may be gone when a thread ends late; then nobody is waiting either.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what)

    async def take(self) -> list[T]:
        """All items that have come, at least one; none once the call has ended."""
        while True:
            with self._space:
                items = list(self._items)
                self._items.clear()
                if items or self.ended.is_set():
                    self._space.notify()
                    return items
                self._filled.clear()
            await self._filled.wait()

    async def settle(self) -> None:
        """Waits, within a bound, until the thread has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self.ended.wait()


class Calls:
    """The calls of one adapter: each ends with its work, with its task, or with `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_MOST_THREADS, _IDLE_NAME)
        self._open: set[Call] = set()
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """Runs `work` on a thread and returns or raises what it does; cancelling ends it."""

        def put_result(put: Callable[[T], None]) -> None:
            put(work())

        results = self.stream(put_result)
        try:
            return await anext(results)
        finally:
            await results.aclose()

    async def stream(self, work: Callable[[Callable[[T], None]], None]) -> AsyncGenerator[T, None]:
        """Yields what `work` puts, in order, from the first `anext` on; closing it ends the call."""
        call = Call()
        mailbox: _Mailbox[T] = _Mailbox(call)
        self._start(call, mailbox, work)
        try:
            while items := await mailbox.take():
                for item in items:
                    yield item
            if isinstance(mailbox.error, Aborted):
                raise engine_closed() from mailbox.error
            if mailbox.error is not None:
                raise mailbox.error
        finally:
            call.abort()
            await mailbox.settle()

    def _start(self, call: Call, mailbox: _Mailbox[T], work: Callable[[Callable[[T], None]], None]) -> None:
        def body() -> None:
            thread = threading.current_thread()
            thread.name = THREAD_NAME
            error: BaseException | None = None
            try:
                call.carry(lambda: work(mailbox.put))
            except BaseException as caught:  # noqa: BLE001 - handed to the waiting task, which raises it
                error = caught
            thread.name = _IDLE_NAME
            with self._lock:
                self._open.discard(call)
            mailbox.end(error)

        with self._lock:
            if self._closed:
                raise engine_closed()
            self._open.add(call)
            self._threads.submit(body)

    async def close(self) -> None:
        """Ends every call and thread, and lets none start again."""
        with self._lock:
            self._closed = True
            left = tuple(self._open)
        self._threads.shutdown(wait=False)
        for call in left:
            call.abort()
        deadline = asyncio.get_running_loop().time() + _SETTLE_SECONDS
        while self._open:
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.005)
