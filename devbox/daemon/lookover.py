"""The build context by name and size, within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from devbox.config import Config
from devbox.daemon.template import unwritten_rules
from devbox.errors import ContextError
from devbox.watch import Survey, survey

T = TypeVar("T")

_SURVEY_SECONDS = 15.0


async def on_thread(work: Callable[[], T], seconds: float) -> T:
    """What blocking work gives; raises TimeoutError, and leaves the thread to the end of the process.

    A thread of the event loop's own would be waited for at its end: a disk that hangs, hangs for ever.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(put: Callable[[], None]) -> None:
        # The loop may be gone when a thread ends late; then nobody is waiting either.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if done.done() else put())

    def body() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting task, which raises it
            tell(partial(done.set_exception, error))
        else:
            tell(partial(done.set_result, value))

    threading.Thread(target=body, name="devbox-look", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done


async def look_over(config: Config) -> Survey:
    """The build context by name, size and time; raises ContextError, also for one that is far too large."""
    stop, rules = threading.Event(), unwritten_rules(config)
    try:
        found = await on_thread(
            lambda: survey(config.context, config.dockerfile, stop, rules), _SURVEY_SECONDS
        )
    except TimeoutError:
        found = None
    finally:
        stop.set()
    if found is None:
        raise ContextError(
            f"the build context could not be looked over within {_SURVEY_SECONDS:g}s",
            cause="it has far too many files, or its disk does not answer",
            hint="add the lines .git, **/.venv and **/node_modules to .dockerignore",
        )
    return found
