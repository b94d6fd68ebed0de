"""The verbs: parse, call, print, exit code. No logic, and nothing heavy imported before it is needed."""

from __future__ import annotations

import gc
import io
import os
import sys

# ruff: noqa: I001
# The order of `devbox --help`.
from devbox.cli import _up, _control, _reading, _history, _doctor, _init, _service, _completion, _about  # noqa: F401
from devbox.cli._base import app, is_full_output, tell_full_output


def main() -> None:
    """The console script."""
    _make_streams_usable()
    # Both take a good part of the time of a short verb: collecting what imports made, which all stays, and
    # looking for plugins of pydantic among all that is installed.
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if shell := os.environ.get(_completion.ASKED):
        _completion.answer(sys.argv[1:], shell)
        return
    try:
        app()
    except OSError as error:
        # What no verb has run for: help, the version, the script for the shell.
        if not is_full_output(error):
            raise
        sys.exit(tell_full_output(error))


def _make_streams_usable() -> None:
    """Standard streams that are there, and text that goes into them whatever the locale can express."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Closed by whoever called; else the next socket would be taken for it.
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, "w" if number else "r"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
