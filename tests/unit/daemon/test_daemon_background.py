"""What `up -d` returns where the process that it begins ends."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from devbox.daemon.background import begin
from devbox.report.printer import Plain


@pytest.mark.parametrize(("ended", "code"), [(0, 1), (2, 2)], ids=["told to", "refused"])
async def test_one_that_ends_before_it_serves_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int, code: int
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexit {ended}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    assert await begin((), tmp_path, Plain(io.StringIO()), wait=True) == code
