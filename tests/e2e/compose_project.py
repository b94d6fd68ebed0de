"""A compose project for the tests: an application, PostgreSQL and Redis, the two out of Debian's packages."""

from __future__ import annotations

from pathlib import Path

import docker

SERVICES_IMAGE = "devbox-test-services"
_SERVICES = """\
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends postgresql redis-server \\
 && rm -rf /var/lib/apt/lists/* \\
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \\
 && install --directory --owner=postgres /srv/data
"""
_POSTGRES = (
    "[ -s /srv/data/PG_VERSION ] || { initdb -D /srv/data -U shop -A trust >/dev/null"
    " && echo 'host all all all trust' >> /srv/data/pg_hba.conf; };"
    " exec postgres -D /srv/data -c listen_addresses=* -c unix_socket_directories=/tmp -c fsync=off"
)
_COMPOSE = """\
services:
  db:
    image: {image}
    user: postgres
    command: ["sh", "-c", {postgres!r}]
    volumes: ["orders:/srv/data"]
    healthcheck:
      test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "shop"]
      interval: 0.5s
      retries: 120
  cache:
    image: {image}
    command: ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]
  shop:
    build: .
    ports: ["0:8000"]
    environment:
      DATABASE: postgresql://shop@db/postgres
    env_file: shop.env
    depends_on:
      db: {{condition: service_healthy}}
      cache: {{condition: service_started}}
  checks:
    image: {image}
    command: ["python", "-u", "-c", {checks!r}]
    init: true
    depends_on: [shop]
volumes:
  orders:
"""
# Finds the developed service by its name, as any other service would.
_CHECKS = (
    "import time,urllib.request; print(urllib.request.urlopen('http://shop:8000/').read()); time.sleep(3600)"
)
_DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /code
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
COPY *.py .
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
"""
_MAIN = """\
import os

import psycopg
import redis
from fastapi import FastAPI

app = FastAPI()
cache = redis.Redis(host="cache")


def database():
    return psycopg.connect(os.environ["DATABASE"], autocommit=True)


@app.get("/")
def root():
    return "first"


@app.get("/visits")
def visits():
    return cache.incr("visits")


@app.get("/order/{what}")
def order(what: str):
    with database() as connection:
        connection.execute("INSERT INTO orders (what) VALUES (%s)", [what])
    return what


@app.get("/orders")
def orders():
    with database() as connection:
        return connection.execute("SELECT * FROM orders ORDER BY what").fetchall()


@app.get("/mode")
def mode():
    return os.environ["MODE"]
"""
_MIGRATE = """\
import os

import psycopg

with psycopg.connect(os.environ["DATABASE"], autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS orders (what text)")
print("migrated")
"""
SETTINGS = """\
start_timeout = 60
before_start = [{ run = ["python", "migrate.py"], when = ["migrate.py"] }]
"""
ADD_PRICES = _MIGRATE.replace(
    'print("migrated")',
    '    connection.execute("ALTER TABLE orders ADD COLUMN IF NOT EXISTS price int DEFAULT 7")\n'
    'print("priced")',
)


def services_image(engine: docker.DockerClient, folder: Path) -> None:
    """Builds the image of the other services, once on an engine."""
    folder.mkdir()
    (folder / "Dockerfile").write_text(_SERVICES)
    engine.images.build(path=str(folder), tag=SERVICES_IMAGE, rm=True)


def write_compose_project(folder: Path) -> None:
    """The whole project."""
    text = _COMPOSE.format(image=SERVICES_IMAGE, postgres=_POSTGRES, checks=_CHECKS)
    (folder / "compose.yaml").write_text(text)
    (folder / "devbox.toml").write_text(SETTINGS)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    (folder / "requirements.txt").write_text("fastapi\nuvicorn\npsycopg[binary]\nredis\n")
    (folder / "main.py").write_text(_MAIN)
    (folder / "migrate.py").write_text(_MIGRATE)
    (folder / "shop.env").write_text("MODE=quiet\n")


_WATCHED = """\
services:
  page:
    build: .
    ports: ["0:8000"]
    develop:
      watch:
        - action: sync+restart
          path: .
          target: /code
          ignore: ["*.log", "notes/"]
        - action: rebuild
          path: notes/kept.txt
"""
# Tells of the files beside it.
_LISTING = """\
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        file = pathlib.Path(self.path.strip("/"))
        body = file.read_bytes() if file.is_file() else b"none"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""


def write_watched_project(folder: Path) -> None:
    """A service with entries of `develop.watch`, one of which leaves out what another one is about."""
    (folder / "compose.yaml").write_text(_WATCHED)
    (folder / "Dockerfile").write_text(
        'FROM python:3.13-slim\nWORKDIR /code\nCOPY . .\nCMD ["python", "main.py"]\n'
    )
    (folder / ".dockerignore").write_text("compose.yaml\n")
    (folder / "main.py").write_text(_LISTING)
    (folder / "notes").mkdir()
    for name in ("a.log", "notes/kept.txt", "text"):
        (folder / name).write_text("first")


_SEVERAL = """\
services:
  cache:
    image: {image}
    command: ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]
  api:
    build: ./web
    command: ["python", "main.py", "api"]
    ports: ["0:8000"]
    depends_on: [cache]
  worker:
    build: ./web
    command: ["python", "main.py", "worker"]
    ports: ["0:8000"]
    depends_on: [cache]
  page:
    build: ./page
    ports: ["0:8000"]
"""
_PYTHON_ALONE = """\
FROM python:3.13-slim
WORKDIR /code
COPY main.py .
CMD ["python", "main.py", "page"]
"""
# Speaks to its cache, and to whichever service is named, by their names.
_SERVER = """\
import socket
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.strip("/")
        if path == "visits":
            with socket.create_connection(("cache", 6379)) as cache:
                cache.sendall(b"INCR visits\\r\\n")
                body = cache.recv(100).strip(b":\\r\\n")
        elif path:
            with urllib.request.urlopen(f"http://{path}:8000/", timeout=5) as other:
                body = other.read()
        else:
            body = f"{sys.argv[1]} first".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


def write_several_services(folder: Path) -> None:
    """A project of three services with a build, two of them of one context, and a cache."""
    (folder / "compose.yaml").write_text(_SEVERAL.format(image=SERVICES_IMAGE))
    for context in ("web", "page"):
        (folder / context).mkdir()
        (folder / context / "Dockerfile").write_text(_PYTHON_ALONE)
        (folder / context / "main.py").write_text(_SERVER)
