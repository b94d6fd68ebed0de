"""Reading Dockerfiles: pure functions over text, no I/O.

After BuildKit's own reader (moby/buildkit, frontend/dockerfile) and the Dockerfile reference.
"""

from __future__ import annotations

from devbox.build.dockerfile._parse import parse
from devbox.build.dockerfile._runtime import runtime
from devbox.build.dockerfile._scope import Scope, walk
from devbox.build.dockerfile._secrets import mounted_secrets
from devbox.build.dockerfile._shell import expand
from devbox.build.dockerfile._sources import ContextSource, context_sources
from devbox.build.dockerfile._stages import base_images, resolve_stage, stage_closure, unsettled_images
from devbox.build.dockerfile._steps import BuildStep, build_steps
from devbox.build.dockerfile._values import (
    Dockerfile,
    HealthCheck,
    Heredoc,
    Instruction,
    RuntimeHints,
    Stage,
)

__all__ = [
    "BuildStep",
    "ContextSource",
    "Dockerfile",
    "HealthCheck",
    "Heredoc",
    "Instruction",
    "RuntimeHints",
    "Scope",
    "Stage",
    "base_images",
    "build_steps",
    "context_sources",
    "expand",
    "mounted_secrets",
    "parse",
    "resolve_stage",
    "runtime",
    "stage_closure",
    "unsettled_images",
    "walk",
]
