"""What would take a save to the serving application past devbox: it is told, and left as it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devbox.build.dockerfile import RuntimeHints, runtime
from devbox.config import Config
from devbox.daemon.work import Source

# uvicorn, gunicorn, hypercorn and granian; Flask's is --debug, or its variable.
_RELOADS = re.compile(r"(?:^|\s)--reload(?=\s|$)")
_FASTAPI = re.compile(r"(?:^|[\s/])fastapi dev(?=\s|$)")
_FLASK = re.compile(r"(?:^|[\s/])flask\b.*\srun(?=\s|$)")
_FLASK_DEBUG = re.compile(r"\s--debug(?=\s|$)")
_OFF = ("", "0", "false", "f", "no", "n", "off")


def command_words(config: Config, hints: RuntimeHints) -> list[str]:
    """Program and command as they will be run: another ENTRYPOINT takes the image's CMD away. What a shell
    will split is one word."""
    program = config.entrypoint or hints.entrypoint
    command = config.command or (None if config.entrypoint else hints.cmd)
    parts = ((part,) if isinstance(part, str) else part or () for part in (program, command))
    return [word for part in parts for word in part]


def bypasses(source: Source) -> Iterator[str]:
    """A notice for each way in which a save, a broken one too, gets to what serves before it is built."""
    for name in source.mounted_code:
        yield (
            f"{name} is mounted into the container and holds code: what serves gets each save of it before "
            "that is built, a broken one too; without the mount it has what the image has"
        )
    config = source.config
    what = _reloader(config, runtime(source.dockerfile, config.build_args, config.target))
    if what:
        yield (
            f"{what} loads code again by itself: an application that does not start then goes on without an "
            "answer, and is told late; leave it out, since devbox starts a new one with each save"
        )


def _reloader(config: Config, hints: RuntimeHints) -> str:
    text = " ".join(command_words(config, hints))
    if _RELOADS.search(text):
        return "--reload"
    if _FASTAPI.search(text):
        return "" if "--no-reload" in text else "fastapi dev"
    if not _FLASK.search(text) or "--no-reload" in text:
        return ""
    if _FLASK_DEBUG.search(text):
        return "--debug"
    return "FLASK_DEBUG" if config.environment.get("FLASK_DEBUG", "0").lower() not in _OFF else ""
