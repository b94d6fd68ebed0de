"""`python -m bench [--edits N] [--saves N] [--only NAME,…]`: one table on stdout, the same in
bench/out/result.json, its medians in bench/out/chart.svg."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.app import App
from bench.bars import bars
from bench.chart import as_svg
from bench.child import BenchError
from bench.contest import contest
from bench.contestants import DevboxUp
from bench.entries import GROUPS, IDLE, NAMES, PACE, SWAPS
from bench.figures import summarize
from bench.idle import Idle, idle
from bench.machine import this_machine
from bench.pace import Pace, pace, swaps
from bench.table import Results, Row, as_json, as_text

OUT = Path(__file__).parent / "out"
IDLE_SECONDS = 60.0


def main() -> int:
    """Exit code 0 with a table, 1 where a contestant failed, 130 where the bench was stopped."""
    options = _options()
    try:
        asyncio.run(_bench(options.edits, options.saves, options.only))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Time from save to served.")
    parser.add_argument("--edits", type=_count, default=10, metavar="N", help="edits that count (default 10)")
    parser.add_argument(
        "--saves", type=_count, default=100, metavar="N", help=f"of {PACE} and {SWAPS} (default 100)"
    )
    only = f"of {', '.join(NAMES)}"
    parser.add_argument("--only", type=_names, default=NAMES, metavar="NAME,…", help=only)
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(NAMES)}")
    return names


async def _bench(edits: int, saves: int, names: tuple[str, ...]) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    paced: Pace | None = None
    swapped: Pace | None = None
    rested: Idle | None = None
    with tempfile.TemporaryDirectory(prefix="devbox-bench-", ignore_cleanup_errors=True) as made:
        scratch = Path(made)
        rows = await _rows(edits, names, scratch)
        if PACE in names:
            paced = await pace(_devbox(scratch, PACE), saves, _tell)
        if SWAPS in names:
            swapped = await swaps(_devbox(scratch, SWAPS), saves, _tell)
        if IDLE in names:
            rested = await idle(_devbox(scratch, IDLE), IDLE_SECONDS, _tell)
    machine = await this_machine()
    summaries = {row.name: row.summary for row in rows if row.summary is not None}
    expected = bars(summaries, paced, swapped, rested, machine)
    results = Results(rows, edits, machine, paced, swapped, rested, expected)
    OUT.mkdir(exist_ok=True)
    (OUT / "result.json").write_text(json.dumps(as_json(results), indent=2) + "\n")
    (OUT / "chart.svg").write_text(as_svg(results))
    print(as_text(results))


async def _rows(edits: int, names: tuple[str, ...], scratch: Path) -> Sequence[Row]:
    rows = []
    for group in GROUPS:
        contestants = group.made(names, scratch)
        if not contestants:
            continue
        measured, missing = await contest(contestants, edits, _tell)
        for name, contestant in contestants.items():
            about = missing.get(name, contestant.about)
            summary = summarize(measured[name]) if name in measured else None
            rows.append(Row(group.title, name, contestant.title, about, summary))
    return rows


def _devbox(scratch: Path, name: str) -> DevboxUp:
    folder = scratch / name
    folder.mkdir()
    return DevboxUp(App.sample(folder / "app", name), folder)


def _tell(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
