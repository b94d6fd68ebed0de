"""What the gate knows of HTTP/1: whether a client speaks it, and an answer of the gate's own; pure."""

from __future__ import annotations

import re

_LONGEST_METHOD = 20
# RFC 9112 §3: method SP request-target; a target starts with "/", a scheme, or is "*".
_REQUEST = re.compile(rb"(?!PRI )[A-Z][A-Z-]{0,19} [/*hH]")
_START = re.compile(rb"[A-Z][A-Z-]{0,19} ?")


def is_request(first: bytes) -> bool | None:
    """Whether a connection that begins with `first` speaks HTTP/1; None while there is too little to say."""
    if _REQUEST.match(first):
        return True
    head = first[: _LONGEST_METHOD + 1]
    if head == first and (not first or _START.fullmatch(head)):
        return None
    return False


def unavailable(message: str, request: bytes) -> bytes:
    """A whole "503 Service Unavailable" answer to `request` that carries `message` as plain text and ends
    the connection."""
    body = (message.strip() + "\n").encode("utf-8", "replace")
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Retry-After: 1\r\n"
        "Connection: close\r\n"
        "\r\n"
    ).encode("ascii")
    return head if request.startswith(b"HEAD ") else head + body
