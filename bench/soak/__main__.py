"""`python -m bench.soak [--rebuilds N] [--every N] [--idle SECONDS]`: one table on stdout, and 1 where a
bound is broken."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from bench.child import BenchError
from bench.soak.soak import Extent, Soak
from bench.soak.told import Found, as_text
from devbox.engine import connect
from scripts.engine import find


def main() -> int:
    """Exit code 0 where every bound holds, 1 where one does not, 130 where the soak was stopped."""
    try:
        found = asyncio.run(_soak(_options()))
    except BenchError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    print(as_text(found))
    return 0 if found.holds else 1


def _options() -> Extent:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="What rebuilds leave.")
    parser.add_argument("--rebuilds", type=int, default=500, metavar="N", help="how many (default 500)")
    parser.add_argument("--every", type=int, default=25, metavar="N", help="a look after each N (default 25)")
    parser.add_argument("--idle", type=float, default=60.0, metavar="SECONDS", help="of rest (default 60)")
    given = parser.parse_args()
    return Extent(given.rebuilds, given.every, given.idle)


async def _soak(extent: Extent) -> Found:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    raw, _ = find()
    if raw is None:
        raise BenchError("no engine answers")
    engine = await connect()
    try:
        with tempfile.TemporaryDirectory(prefix="devbox-soak-", ignore_cleanup_errors=True) as scratch:
            return await Soak(engine, raw, Path(scratch), extent, _tell).run()
    finally:
        await engine.close()


def _tell(line: str) -> None:
    print(f"soak: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
