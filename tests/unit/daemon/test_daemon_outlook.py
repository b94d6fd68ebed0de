"""When a standby counts as failed: long before a cold start does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import pytest

from devbox.config import load
from devbox.daemon.outlook import Outlook
from devbox.daemon.tools import Tools
from devbox.engine.values import ImageFacts


@pytest.mark.parametrize(("usual_boot", "seconds"), [(0.05, 3.0), (2.0, 8.0), (20.0, 30.0), (math.inf, 30.0)])
def test_a_standby_gets_four_times_what_is_usual(tmp_path: Path, usual_boot: float, seconds: float) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    config = load(tmp_path, {"ports": ["8000:8000"]}, {})
    outlook = Outlook(cast("Tools", None), config, usual_boot)
    image = ImageFacts("image", command=("uvicorn", "app:app"))
    assert outlook.readiness(image).timeout == 30.0
    assert outlook.warm_readiness(image).timeout == seconds
    assert outlook.warm_readiness(image).port == 8000
