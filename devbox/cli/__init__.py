"""The verbs: parse, call, print, exit code. No logic, and nothing heavy imported before it is needed."""

from __future__ import annotations

import gc
import os
import sys

# ruff: noqa: I001
# The order of `devbox --help`.
from devbox.cli import _up, _control, _reading, _history, _doctor, _init, _service, _completion, _about  # noqa: F401
from devbox.cli._base import app


def main() -> None:
    """The console script."""
    # Both take a good part of the time of a short verb: collecting what imports made, which all stays, and
    # looking for plugins of pydantic among all that is installed.
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if shell := os.environ.get(_completion.ASKED):
        _completion.answer(sys.argv[1:], shell)
        return
    app()
