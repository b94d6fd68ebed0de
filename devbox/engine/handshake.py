"""The first questions to an engine: is it there, which API does it speak, who is it."""

from __future__ import annotations

from collections.abc import Mapping

from devbox.engine import facts
from devbox.engine.translate import translated
from devbox.engine.transport import Transport
from devbox.engine.values import EngineInfo
from devbox.errors import EngineUnreachable

# Seconds until a question here is given up.
_BOUND = 5.0


def ping(transport: Transport) -> Mapping[str, str]:
    """The headers of /_ping, which every version of the API answers and which tell the newest one."""
    address = transport.address.url
    try:
        with translated(f"no engine answers at {address}", address):
            response = transport.client.get(f"{transport.client.base_url}/_ping", timeout=_BOUND)
            response.raise_for_status()
            return response.headers
    except EngineUnreachable as error:
        if said := transport.errors():
            hint = f"check that it works by hand: docker --host {address} version"
            raise EngineUnreachable(error.what, cause=said, hint=hint) from error
        raise


def who(transport: Transport) -> EngineInfo:
    """Who answers, and what it can do."""
    address = transport.address
    headers = ping(transport)
    with translated("cannot ask the engine who it is", address.url):
        host = address.host if address.scheme == "tcp" else ""
        return facts.engine(headers, transport.client.version(), transport.client.info(), address.url, host)
