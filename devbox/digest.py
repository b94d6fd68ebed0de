"""The one way content is digested, so that what was scanned and what is sent can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol


class Hasher(Protocol):
    """What `new_hasher` gives: fed piece by piece, asked once."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def new_hasher() -> Hasher:
    """Gives a fresh SHA-256: current processors compute it in hardware, faster than BLAKE2."""
    return hashlib.sha256(usedforsecurity=False)


def file_digest(pieces: Iterable[bytes]) -> str:
    """Equal bytes give equal hex digests, however they are cut into pieces."""
    hasher = new_hasher()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
