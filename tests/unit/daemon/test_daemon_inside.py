"""What is said where there is no container to look into."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.config import load
from devbox.daemon.inside import what_helps
from devbox.daemon.lock import ProjectLock, make_runtime_directory


def test_who_runs_devbox_already_is_not_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(0o700)
    config = load(tmp_path, {}, {})
    assert what_helps(config) == "devbox up starts one"
    with ProjectLock(make_runtime_directory(config.place)):
        assert what_helps(config) == "devbox status says what keeps it from serving"
    assert what_helps(config) == "devbox up starts one"
