"""When a standby counts as failed: long before a cold start does."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from devbox.compose.values import Compose
from devbox.config import load
from devbox.daemon.outlook import Outlook, may_listen_nowhere
from devbox.daemon.tools import Tools
from devbox.engine.values import ImageFacts
from devbox.model import PortMapping


@pytest.mark.parametrize(("usual_boot", "seconds"), [(0.05, 3.0), (2.0, 8.0), (20.0, 30.0), (math.inf, 30.0)])
def test_a_standby_gets_four_times_what_is_usual(tmp_path: Path, usual_boot: float, seconds: float) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    config = load(tmp_path, {"ports": ["8000:8000"]}, {})
    outlook = Outlook(cast("Tools", None), config, usual_boot)
    image = ImageFacts("image", command=("uvicorn", "app:app"))
    assert outlook.readiness(image).timeout == 30.0
    assert outlook.warm_readiness(image).timeout == seconds
    assert outlook.warm_readiness(image).port == 8000


@pytest.mark.parametrize(
    ("image", "flags", "may"),
    [
        (ImageFacts("image", command=("python", "work.py")), {}, True),
        (ImageFacts("image", command=("celery", "-A", "shop", "worker")), {}, True),
        (ImageFacts("image", command=("uvicorn", "app:app")), {}, False),
        (ImageFacts("image", command=("python", "-m", "gunicorn", "app:app")), {}, False),
        (ImageFacts("image", command=("python", "serve.py", "--port", "9000")), {}, False),
        (
            ImageFacts("image", command=("python", "x.py"), exposed=(PortMapping(container_port=9),)),
            {},
            False,
        ),
        (ImageFacts("image", command=("python", "work.py")), {"ports": ["8000:8000"]}, False),
        (ImageFacts("image", command=("python", "work.py")), {"health_path": "/health"}, False),
        (ImageFacts("image", command=("python", "work.py")), {"debug": True}, False),
    ],
)
def test_a_worker_of_a_compose_file_may_listen_nowhere(
    tmp_path: Path, image: ImageFacts, flags: dict[str, object], may: bool
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    alone = load(tmp_path, flags, {})
    compose = Compose("shop", "worker", "compose.yaml", ("docker", "compose"))
    of_compose = alone.model_copy(update={"compose": compose})
    assert may_listen_nowhere(of_compose, image) is may
    assert not may_listen_nowhere(alone, image)
    tools = SimpleNamespace(ports=SimpleNamespace(mappings=()))
    assert Outlook(cast("Tools", tools), of_compose).readiness(image).guess is may
