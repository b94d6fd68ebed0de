"""One terminal for the devboxes of several services: their lines, their codes, their end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from devbox.daemon.together import refuse_flags_of_one, run_together
from devbox.errors import UsageError

SERVICES = ("api", "worker")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the interpreter that runs devbox: a script of the test's, `$service` being what it is
    for."""
    program = tmp_path / "python"
    monkeypatch.setattr("devbox.daemon.together.sys.executable", str(program))
    return program


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\nfor service; do :; done\n{script}\n")
    program.chmod(0o755)


async def test_lines_have_their_service_in_front_and_the_worst_code_counts(program: Path) -> None:
    write(program, 'echo "devbox: $4 serves"; echo "oh $service" >&2; [ $service = worker ] || exit 3')
    out: list[str] = []
    errors: list[str] = []
    code = await run_together(["up", "--no-watch"], SERVICES, out.append, errors.append, jsonl=False)
    assert sorted(out) == ["api    | devbox: up serves", "worker | devbox: up serves"]
    assert sorted(errors) == ["api    | oh api", "worker | oh worker"]
    assert code == 3


async def test_events_tell_their_service(program: Path) -> None:
    write(program, """echo '{"v":1,"kind":"app.log"}'; echo "$@" >&2""")
    out: list[str] = []
    errors: list[str] = []
    code = await run_together(["up", "--", "serve"], ("api",), out.append, errors.append, jsonl=True)
    assert [json.loads(line) for line in out] == [{"v": 1, "kind": "app.log", "service": "api"}]
    assert errors == ["api | -P -m devbox up --output jsonl --instance api -- serve"]
    assert code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 7)])
async def test_a_signal_is_passed_on_and_waited_for(program: Path, number: int, code: int) -> None:
    write(
        program,
        "trap 'echo interrupted; exit 130' INT; trap 'echo terminated; exit 7' TERM; echo ready\n"
        "while :; do sleep 0.05; done",
    )
    out: list[str] = []

    def put(line: str) -> None:
        out.append(line)
        if sum("ready" in line for line in out) == len(SERVICES) == len(out):
            os.kill(os.getpid(), number)

    async with asyncio.timeout(30):
        assert await run_together(["up"], SERVICES, put, put, jsonl=False) == code
    said = "interrupted" if number == signal.SIGINT else "terminated"
    assert sorted(out[2:]) == [f"api    | {said}", f"worker | {said}"]


async def test_where_nobody_reads_all_are_ended(program: Path, tmp_path: Path) -> None:
    write(
        program,
        f"trap 'touch {tmp_path}/$service-ended; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
    )

    def put(line: str) -> None:
        # Once all have set their traps.
        ready.append(line)
        if len(ready) == len(SERVICES):
            raise BrokenPipeError

    ready: list[str] = []
    async with asyncio.timeout(30):
        assert await run_together(["up"], SERVICES, put, put, jsonl=False) == 0
    assert all((tmp_path / f"{service}-ended").exists() for service in SERVICES)


def test_what_only_one_container_can_have_is_refused() -> None:
    refuse_flags_of_one({"ports": (), "environment": {"A": "b"}, "debug": None, "live": False}, SERVICES)
    with pytest.raises(UsageError, match="-p is for one service, and there are 2: api, worker") as caught:
        refuse_flags_of_one({"ports": ("8000:8000",)}, SERVICES)
    assert ".:api" in caught.value.hint
