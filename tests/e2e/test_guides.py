"""The Dockerfiles that people learned from run as they are, and an edit is served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import StartUp

_FASTAPI = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def root():
    return "before"
"""

_FLASK = """\
from flask import Flask

app = Flask(__name__)


@app.get("/")
def root():
    return "before"
"""


@dataclass(frozen=True)
class Guide:
    """One way to put an application into an image; `source` is the file to edit."""

    base: str
    dockerfile: str
    requirements: str
    source: str
    code: str
    port: str = "0:8000"
    empty: tuple[str, ...] = field(default=())


GUIDES = {
    "fastapi package": Guide(
        base="python:3.9",
        dockerfile="""\
FROM python:3.9
WORKDIR /code
COPY ./requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt
COPY ./app /code/app
CMD ["fastapi", "run", "app/main.py", "--port", "80"]
""",
        requirements="fastapi[standard]>=0.113.0,<0.114.0\npydantic>=2.7.0,<3.0.0\n",
        source="app/main.py",
        code=_FASTAPI,
        port="",
        empty=("app/__init__.py",),
    ),
    "fastapi single file": Guide(
        base="python:3.9",
        dockerfile="""\
FROM python:3.9
WORKDIR /code
COPY ./requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt
COPY ./main.py /code/
CMD ["fastapi", "run", "main.py", "--port", "80"]
""",
        requirements="fastapi[standard]>=0.113.0,<0.114.0\npydantic>=2.7.0,<3.0.0\n",
        source="main.py",
        code=_FASTAPI,
        port="0:80",
    ),
    "walkthrough": Guide(
        base="python:3.8",
        dockerfile="""\
# [1] base
FROM python:3.8

# [2] working directory
WORKDIR /demo

# [3] dependency file
COPY ./requirements.txt /demo/requirements.txt

# [4] dependencies
RUN pip install --no-cache-dir --upgrade -r /demo/requirements.txt

# [5] sources
COPY ./app /demo/app

# [6] run
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]
""",
        requirements="fastapi\nuvicorn\n",
        source="app/main.py",
        code=_FASTAPI,
    ),
    "flask": Guide(
        base="python:3.10-slim",
        dockerfile="""\
FROM python:3.10-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
EXPOSE 5000
CMD ["flask", "--app", "app", "run", "--host=0.0.0.0"]
""",
        requirements="flask\n",
        source="app.py",
        code=_FLASK,
        port="0:5000",
    ),
    "flask multi-stage, gunicorn, shell form": Guide(
        base="python:3.10-slim",
        dockerfile="""\
FROM python:3.10-slim AS builder
COPY requirements.txt .
RUN pip install --no-cache-dir --target /packages -r requirements.txt
FROM python:3.10-slim
WORKDIR /app
COPY --from=builder /packages /packages
ENV PYTHONPATH=/packages
COPY app.py .
CMD python -m gunicorn --bind 0.0.0.0:${PORT:-9000} app:app
""",
        requirements="flask\ngunicorn\n",
        source="app.py",
        code=_FLASK,
        port="0:9000",
    ),
}


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_runs_unchanged(
    name: str, folder: Path, start: StartUp, base_images: Callable[..., None]
) -> None:
    guide = GUIDES[name]
    base_images(guide.base)
    for path, content in (
        ("Dockerfile", guide.dockerfile),
        ("requirements.txt", guide.requirements),
        (guide.source, guide.code),
        *((path, "") for path in guide.empty),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)
    up = start(port=guide.port)
    up.served(bound=400)
    up.serves("before")
    source = folder / guide.source
    source.write_text(guide.code.replace("before", "after the edit"))
    up.serves("after the edit")
    assert up.of("release.failed") == []
