"""The HEALTHCHECK of the Dockerfiles that devbox writes, and what it asks. Pure.

To run it as the engine does, by exec of an interpreter, takes 0.15 s or more; devbox knows its own one and
asks the same question itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# http.client and not urllib.request: that one would ask a proxy that the container's environment names.
_ASK = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}, timeout=3); "
    "c.request('GET', '{path}'); exit(c.getresponse().status >= 400)"
)
_OPEN = "import socket; socket.create_connection(('127.0.0.1', {port}), 3).close()"
_PATH = re.compile(r"/[A-Za-z0-9/_.~-]*")
_PORT = re.compile(r"'127\.0\.0\.1', (\d{1,5})\b")
_ASKED = re.compile(r"'GET', '([^']*)'")


def can_be_asked(path: str) -> bool:
    """Whether a path is plain enough to stand in the command as it is."""
    return _PATH.fullmatch(path) is not None


def health_command(port: int, path: str) -> tuple[str, ...]:
    """What succeeds where `path` answers below 400, or for '' where the port is open; needs nothing but
    Python."""
    return ("python", "-c", (_ASK if path else _OPEN).format(port=port, path=path))


def asked_path(test: Sequence[str], port: int) -> str | None:
    """The path that an image's HEALTHCHECK test asks of `port`, '' where an open port is enough; None for a
    test that is not of devbox's making."""
    if len(test) != 4 or test[0] != "CMD":
        return None
    named, asked = _PORT.search(test[3]), _ASKED.search(test[3])
    path = asked[1] if asked else ""
    if named is None or int(named[1]) != port or tuple(test[1:]) != health_command(port, path):
        return None
    return path
