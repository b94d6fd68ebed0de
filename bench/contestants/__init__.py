"""The ways to see an edit served, each behind the same few methods."""

from __future__ import annotations

from bench.contestants.compose import ComposeWatch
from bench.contestants.devbox import DevboxRolling, DevboxUp
from bench.contestants.protocol import Contestant, NotHere
from bench.contestants.uvicorn import UvicornReload

__all__ = ["CONTESTANTS", "Contestant", "NotHere"]

CONTESTANTS: dict[str, type[DevboxUp | UvicornReload | ComposeWatch]] = {
    "devbox": DevboxUp,
    "rolling": DevboxRolling,
    "uvicorn": UvicornReload,
    "compose": ComposeWatch,
}
