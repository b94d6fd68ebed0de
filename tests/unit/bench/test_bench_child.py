from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.child import BenchError, Child, output_of, run

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


async def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    child = await Child.start([sys.executable, "-c", DEAF], tmp_path, tmp_path / "log", read_output=True)
    assert await child.output.readline() == b"deaf\n"
    await child.stop(bound=0.1)
    assert child.ended


async def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    child = await Child.start([sys.executable, "-c", "input()"], tmp_path, tmp_path / "log")
    await child.stop(bound=10.0)
    await child.stop(bound=10.0)
    assert child.ended


async def test_a_failing_command_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"failed \(exit 3\)\nno such luck"):
        await run([sys.executable, "-c", "print('no such luck'); exit(3)"], tmp_path, tmp_path / "log", 30.0)


async def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="took longer than"):
        await run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, tmp_path / "log", 0.2)


async def test_what_a_command_prints() -> None:
    assert await output_of([sys.executable, "-c", "print('1.2.3')"], 30.0) == "1.2.3"
    assert await output_of([sys.executable, "-c", "exit(1)"], 30.0) is None
    assert await output_of(["no-such-program-anywhere"], 30.0) is None
    assert await output_of([sys.executable, "-c", "import time; time.sleep(60)"], 0.2) is None
