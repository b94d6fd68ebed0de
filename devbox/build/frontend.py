"""`# syntax=` lines: the frontend image they name is fetched, or the engine's own takes its place."""

from __future__ import annotations

import re

from devbox.build.dockerfile import Dockerfile
from devbox.build.pull import pull_missing
from devbox.engine.protocol import Engine
from devbox.errors import PullFailed
from devbox.events import BuildLog, Emit

_OFFICIAL = re.compile(r"(?:docker\.io/)?docker/dockerfile(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?")
_LINE = re.compile(rb"^((?:\xef\xbb\xbf)?\s*#\s*)syntax\s*=.*?(\r?\n|$)", re.IGNORECASE | re.MULTILINE)


def is_official(syntax: str) -> bool:
    """Whether a `# syntax=` line names Docker's own frontend, which reads the language of the reference."""
    return _OFFICIAL.fullmatch(syntax.split(" ")[0]) is not None


class Frontends:
    """Settles which frontend reads a Dockerfile; one that cannot be had is asked for once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._missing: set[str] = set()

    async def settle(self, dockerfile: Dockerfile, content: bytes, build: int, emit: Emit) -> bytes:
        """The Dockerfile's bytes to send, once the frontend that its `# syntax=` line names can be used.

        BuildKit without a session cannot answer a registry's token challenge, but takes an image that is
        there already. Where Docker's own frontend cannot be had, the engine's built-in one reads the same
        language: the line is then emptied, keeping every line number. Raises PullFailed for any other
        frontend.
        """
        image = frontend_of(dockerfile)
        if not image:
            return content
        if image not in self._missing:
            try:
                await pull_missing(self._engine, (image,), build, emit)
            except PullFailed as error:
                if not is_official(image):
                    raise
                self._missing.add(image)
                line = f"not to be had ({error.cause or error.what}): the engine's own frontend is used"
                emit(BuildLog(build=build, step=f"pull {image}", line=line, stream="progress"))
            else:
                return content
        return _LINE.sub(rb"\1\2", content, count=1)


def frontend_of(dockerfile: Dockerfile) -> str:
    """The frontend image that the `# syntax=` line names, '' where there is none."""
    return dockerfile.directives.get("syntax", "").split(" ")[0]
