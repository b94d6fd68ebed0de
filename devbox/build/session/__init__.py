"""Build sessions: what BuildKit may ask of us while it builds (`POST /session`).

`open_session` opens one for a build; `services` says what is answered on it. The only importer of grpclib.
"""

from __future__ import annotations

from devbox.build.session._files import Files
from devbox.build.session._logins import logins_service
from devbox.build.session._secrets import secrets_service
from devbox.build.session._serve import (
    Services,
    Session,
    Stream,
    open_session,
    streaming,
    unary,
    unimplemented,
)

__all__ = [
    "Files",
    "Services",
    "Session",
    "Stream",
    "logins_service",
    "open_session",
    "secrets_service",
    "streaming",
    "unary",
    "unimplemented",
]
