"""Dockerfiles as people write them: the common guides' one, uv, Poetry, Flask, front ends, Windows."""

from __future__ import annotations

import importlib
import platform
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from devbox.build.dockerfile import RuntimeHints, base_images, build_steps, parse, runtime, stage_closure
from devbox.build.plan import source_only

FASTAPI_GUIDE = """\
# [1] The base image
FROM python:3.9

# [2] Where everything happens
WORKDIR /code

# [3] Dependencies first, they change less often
COPY ./requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt

# [4] The application
COPY ./app /code/app

CMD ["fastapi", "run", "app/main.py", "--port", "80"]
"""

FLASK = """\
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1 \\
    FLASK_APP="wsgi:create_app()"

RUN apt-get update \\
    # the driver is compiled
    && apt-get install --no-install-recommends -y \\
        build-essential \\
        libpq-dev \\

    && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/shop
COPY requirements/ requirements/
RUN pip install -r requirements/prod.txt

RUN groupadd -r web && useradd -r -g web web
COPY --chown=web:web . .
USER web

EXPOSE 5000
VOLUME /srv/shop/uploads
HEALTHCHECK --interval=10s --timeout=3s --retries=5 \\
    CMD python -c "import urllib.request as r; r.urlopen('http://localhost:5000/healthz')" || exit 1
ENTRYPOINT ["./entrypoint.sh"]
CMD gunicorn --bind 0.0.0.0:5000 --workers ${WORKERS:-2} wsgi:app
"""

UV = """\
# syntax=docker/dockerfile:1
# check=error=true
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS python
ENV PYTHONUNBUFFERED=1
WORKDIR /app

FROM python AS builder
COPY --from=registry.example.org/astral-sh/uv:0.5.11 /uv /uvx /bin/
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN --mount=type=cache,target=/root/.cache/uv \\
    --mount=type=bind,source=uv.lock,target=uv.lock \\
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \\
    uv sync --locked --no-install-project --no-dev
COPY . /app
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev

FROM python AS runtime
RUN useradd --create-home app
COPY --from=builder --chown=app:app /app /app
ENV PATH="/app/.venv/bin:$PATH"
USER app
EXPOSE 8000/tcp
CMD ["uvicorn", "service.main:app", "--host", "0.0.0.0", "--port", "8000"]
"""

POETRY = """\
FROM python:3.11-bookworm as builder
ARG POETRY_VERSION=1.8.3
ENV POETRY_NO_INTERACTION=1 \\
    POETRY_VIRTUALENVS_IN_PROJECT=1 \\
    POETRY_CACHE_DIR=/tmp/poetry_cache
RUN pip install "poetry==$POETRY_VERSION"
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN touch README.md
RUN --mount=type=cache,target=$POETRY_CACHE_DIR poetry install --without dev --no-root

FROM python:3.11-slim-bookworm as runtime
ENV VIRTUAL_ENV=/app/.venv
ENV PATH $VIRTUAL_ENV/bin:$PATH
COPY --from=builder ${VIRTUAL_ENV} ${VIRTUAL_ENV}
COPY api /api/
WORKDIR /
ENTRYPOINT ["python", "-m", "api"]
"""

FRONT_END = """\
FROM --platform=$BUILDPLATFORM node:22-alpine AS assets
WORKDIR /web
COPY package.json package-lock.json* ./
RUN npm ci
COPY web/ .
RUN <<EOF
set -e
npm run build
# smaller is better
find dist -name '*.map' -delete
EOF

FROM python:3.13-slim AS dev
WORKDIR /srv
COPY pyproject.toml .
RUN pip install -e '.[dev]'
COPY . .
CMD ["flask", "run", "--debug", "--host", "0.0.0.0"]

FROM dev AS test
RUN pytest -q

FROM dev AS prod
COPY --link --from=assets /web/dist /srv/static
COPY <<-"EOF" /etc/motd
\tkept as it is: $HOME
EOF
CMD ["gunicorn", "-w", "4", "shop:app"]
"""

WINDOWS = """\
# escape=`

FROM mcr.example.org/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
RUN Invoke-WebRequest https://example.org/python.exe -OutFile c:\\python.exe ; `
    Start-Process c:\\python.exe -Wait ; `
    Remove-Item c:\\python.exe
WORKDIR /app
COPY . .
CMD ["python", "c:\\\\app\\\\main.py"]
"""

TERSE = 'from scratch\ncopy hello /\ncmd ["/hello"]'


@dataclass(frozen=True)
class Known:
    """A file and what is true of it."""

    text: str
    stages: tuple[str, ...]
    images: tuple[str, ...]
    hints: RuntimeHints
    # How many steps the trace counts in each stage that the last one needs.
    steps: tuple[int, ...]
    source: str = "app/main.py"
    source_only: bool = True


CORPUS = {
    "fastapi guide": Known(
        FASTAPI_GUIDE,
        ("",),
        ("python:3.9",),
        RuntimeHints(cmd=("fastapi", "run", "app/main.py", "--port", "80"), workdir="/code"),
        (5,),
    ),
    "flask": Known(
        FLASK,
        ("",),
        ("python:3.12-slim",),
        RuntimeHints(
            ports=((5000, "tcp"),),
            volumes=("/srv/shop/uploads",),
            cmd="gunicorn --bind 0.0.0.0:5000 --workers ${WORKERS:-2} wsgi:app",
            entrypoint=("./entrypoint.sh",),
            healthcheck=runtime(
                parse(
                    "FROM x\nHEALTHCHECK --interval=10s --timeout=3s --retries=5 CMD python -c "
                    "\"import urllib.request as r; r.urlopen('http://localhost:5000/healthz')\" || exit 1"
                )
            ).healthcheck,
            workdir="/srv/shop",
            user="web",
        ),
        (7,),
    ),
    "uv": Known(
        UV,
        ("python", "builder", "runtime"),
        ("python:3.13-slim", "registry.example.org/astral-sh/uv:0.5.11"),
        RuntimeHints(
            ports=((8000, "tcp"),),
            cmd=("uvicorn", "service.main:app", "--host", "0.0.0.0", "--port", "8000"),
            workdir="/app",
            user="app",
        ),
        (2, 4, 2),
        source_only=False,
    ),
    "poetry": Known(
        POETRY,
        ("builder", "runtime"),
        ("python:3.11-bookworm", "python:3.11-slim-bookworm"),
        RuntimeHints(entrypoint=("python", "-m", "api"), workdir="/"),
        (6, 4),
        source="api/main.py",
    ),
    "front end": Known(
        FRONT_END,
        ("assets", "dev", "test", "prod"),
        ("node:22-alpine", "python:3.13-slim"),
        RuntimeHints(cmd=("gunicorn", "-w", "4", "shop:app"), workdir="/srv"),
        (6, 5, 2),
        source_only=False,
    ),
    "windows": Known(
        WINDOWS,
        ("",),
        ("mcr.example.org/windows/servercore:ltsc2022",),
        RuntimeHints(cmd=("python", "c:\\app\\main.py"), workdir="/app"),
        (4,),
    ),
    "terse": Known(TERSE, ("",), (), RuntimeHints(cmd=("/hello",)), (1,), source="hello"),
}


@pytest.fixture(params=CORPUS.values(), ids=list(CORPUS))
def known(request: pytest.FixtureRequest) -> Known:
    value: Known = request.param
    return value


def test_what_is_read(known: Known) -> None:
    read = parse(known.text)
    assert tuple(stage.name for stage in read.stages) == known.stages
    assert base_images(read) == known.images
    assert runtime(read) == known.hints


def test_steps(known: Known) -> None:
    read = parse(known.text)
    totals = tuple(build_steps(read, stage, {})[-1].total for stage in stage_closure(read))
    assert totals == known.steps


def test_what_an_edit_of_the_source_means(known: Known) -> None:
    assert source_only(parse(known.text), {}, "", [known.source]) is known.source_only


def test_line_ends_do_not_matter(known: Known) -> None:
    if known.text != FRONT_END:  # here-documents keep theirs
        assert parse(known.text.replace("\n", "\r\n")) == parse(known.text)


def test_lines_lead_back_to_the_file(known: Known) -> None:
    lines = known.text.split("\n")
    for instruction in parse(known.text).instructions:
        assert lines[instruction.line - 1].split()[0].upper() == instruction.keyword
    ends = [instruction.end_line for instruction in parse(known.text).instructions]
    starts = [instruction.line for instruction in parse(known.text).instructions]
    assert all(start > end for start, end in zip(starts[1:], ends[:-1], strict=True))


@pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"),
    reason="the official parser has wheels for Linux on x86-64 only",
)
def test_the_official_parser_agrees(known: Known) -> None:
    official: Any = importlib.import_module("dockerfile")
    # `# check=` is no directive there and would end the directives before a `# escape=`.
    assert [
        (command.cmd.upper(), command.value, command.json, command.start_line, command.end_line)
        for command in official.parse_string(known.text)
    ] == [
        (one.keyword, one.arguments, one.json, one.line, one.end_line)
        for one in parse(known.text).instructions
    ]
