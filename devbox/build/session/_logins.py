"""The user's logins to registries, as BuildKit asks for them (moby/buildkit, session/auth/auth.proto)."""

from __future__ import annotations

from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from devbox.build.messages import TEXT, Field, declare
from devbox.build.session._serve import Services, unary, unimplemented
from devbox.engine.protocol import Engine
from devbox.errors import DevboxError

_AUTH = "/moby.filesync.v1.Auth/"
# BuildKit could have tokens fetched here; told that they are not, it asks for the login and fetches them.
_NOT_SERVED = ("FetchToken", "GetTokenAuthority", "VerifyTokenAuthority")
_MESSAGES = declare(
    "devbox.auth",
    {
        "CredentialsRequest": (Field("Host", 1, TEXT),),
        "CredentialsResponse": (Field("Username", 1, TEXT), Field("Secret", 2, TEXT)),
    },
)


def logins_service(engine: Engine) -> Services:
    """Gives the login of the user's docker configuration for a registry, an empty one where there is none."""

    async def credentials(request: Any) -> Any:
        try:
            login = await engine.login(request.Host)
        except DevboxError as error:
            raise GRPCError(Status.UNAVAILABLE, str(error)) from error
        answer = _MESSAGES["CredentialsResponse"]
        return answer(Username=login.username, Secret=login.secret) if login else answer()

    return {
        f"{_AUTH}Credentials": unary(
            credentials, _MESSAGES["CredentialsRequest"], _MESSAGES["CredentialsResponse"]
        ),
        **{f"{_AUTH}{method}": unimplemented() for method in _NOT_SERVED},
    }
