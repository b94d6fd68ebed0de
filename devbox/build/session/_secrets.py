"""The values of build secrets, as BuildKit asks for them (moby/buildkit, session/secrets/secrets.proto)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from devbox.build.messages import RAW, TEXT, Field, declare
from devbox.build.session._serve import Services, unary

_MESSAGES = declare(
    "devbox.secrets",
    {
        "GetSecretRequest": (Field("ID", 1, TEXT),),
        "GetSecretResponse": (Field("data", 1, RAW),),
    },
)


def secrets_service(values: Mapping[str, bytes]) -> Services:
    """Gives the secrets of these ids and no others."""

    async def get_secret(request: Any) -> Any:
        if request.ID not in values:
            raise GRPCError(Status.NOT_FOUND, f"secret {request.ID} not found")
        return _MESSAGES["GetSecretResponse"](data=values[request.ID])

    return {
        "/moby.buildkit.secrets.v1.Secrets/GetSecret": unary(
            get_secret, _MESSAGES["GetSecretRequest"], _MESSAGES["GetSecretResponse"]
        )
    }
