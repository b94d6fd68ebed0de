"""Dockerfiles that the tests of the plan read: one stage, and several."""

from __future__ import annotations

SIMPLE = """\
FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY app app
COPY static/*.css templates /srv/
EXPOSE 8000
CMD ["uvicorn", "app.main:app"]
"""

STAGED = """\
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS base
WORKDIR /app

FROM base AS builder
ARG EXTRAS=dev
COPY uv.lock pyproject.toml ./
RUN uv sync --extra $EXTRAS
COPY . .
RUN uv build

FROM node:22 AS assets
COPY web web
RUN --mount=type=bind,source=package.json,target=package.json npm ci

FROM base AS final
COPY --from=builder /app/dist /dist
RUN pip install /dist/app.whl
COPY --from=assets /web/dist /static
COPY main.py ./
"""
