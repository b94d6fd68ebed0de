"""`python -m bench [--edits N] [--only NAME,…]`: a table on stdout, the same in bench/out/result.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.app import App
from bench.child import BenchError
from bench.contest import contest
from bench.contestants import CONTESTANTS, Contestant
from bench.figures import Edit, summarize
from bench.machine import this_machine
from bench.table import Row, as_json, as_text

RESULT = Path(__file__).parent / "out" / "result.json"


def main() -> int:
    """Exit code 0 with a table, 1 where a contestant failed, 130 where the bench was stopped."""
    options = _options()
    try:
        asyncio.run(_bench(options.edits, options.only))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Time from save to served.")
    parser.add_argument("--edits", type=_count, default=10, metavar="N", help="edits that count (default 10)")
    everyone = tuple(CONTESTANTS)
    only = f"of {', '.join(everyone)}"
    parser.add_argument("--only", type=_names, default=everyone, metavar="NAME,…", help=only)
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of edits")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in CONTESTANTS:
            raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(CONTESTANTS)}")
    return names


async def _bench(edits: int, names: Sequence[str]) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="devbox-bench-", ignore_cleanup_errors=True) as scratch:
        contestants = {name: _contestant(name, Path(scratch) / name) for name in names}
        measured, missing = await contest(contestants, edits, _tell)
    machine = await this_machine()
    rows = [
        _row(name, contestant.title, missing.get(name, contestant.about), measured)
        for name, contestant in contestants.items()
    ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(as_json(rows, machine, edits), indent=2) + "\n")
    print(as_text(rows, machine, edits))


def _contestant(name: str, scratch: Path) -> Contestant:
    scratch.mkdir()
    return CONTESTANTS[name](App.sample(scratch / "app"), scratch)


def _row(name: str, title: str, about: str, measured: Mapping[str, Sequence[Edit]]) -> Row:
    return Row(name, title, about, summarize(measured[name]) if name in measured else None)


def _tell(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
