"""The question of `devbox init`, on a terminal."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

BOUND = 30.0


def test_ctrl_c_at_the_question_ends_it_and_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "Dockerfile").write_text("FROM mine\n")
    outer, inner = os.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "devbox", "init", str(tmp_path)], stdin=inner, stdout=inner, stderr=inner
    )
    try:
        os.close(inner)
        shown = b""
        deadline = time.monotonic() + BOUND
        while b"replace Dockerfile? [y/N]" not in shown:
            assert select.select([outer], [], [], max(deadline - time.monotonic(), 0))[0], shown
            shown += os.read(outer, 4096)
        asking.send_signal(signal.SIGINT)
        assert asking.wait(BOUND) == 130
    finally:
        asking.kill()
        asking.wait()
        os.close(outer)
    assert (tmp_path / "Dockerfile").read_text() == "FROM mine\n"
