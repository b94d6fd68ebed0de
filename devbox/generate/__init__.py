"""The Dockerfile that a project would have if somebody had written one: read, chosen, rendered."""

from __future__ import annotations

from devbox.generate.choose import generate
from devbox.generate.read import Reader
from devbox.generate.render import DOCKERIGNORE, with_rules
from devbox.generate.values import DEFAULT_PORT, Folder, Generated, Options

__all__ = [
    "DEFAULT_PORT",
    "DOCKERIGNORE",
    "Folder",
    "Generated",
    "Options",
    "Reader",
    "generate",
    "with_rules",
]
