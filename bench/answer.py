"""What the head of an HTTP/1.1 answer says."""

from __future__ import annotations


def content_length(head: bytes) -> int | None:
    """The length of the body of a good answer, None for any status but 200; ValueError without a length."""
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] != ["200"]:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length":
            return int(value)
    raise ValueError("an answer without Content-Length")
