"""The ways to see an edit served, each behind the same few methods."""

from __future__ import annotations

from bench.contestants.compose import ComposeSync, ComposeWatch
from bench.contestants.devbox import DevboxRolling, DevboxUp
from bench.contestants.protocol import Contestant, NotHere
from bench.contestants.uvicorn import UvicornReload

__all__ = [
    "ComposeSync",
    "ComposeWatch",
    "Contestant",
    "DevboxRolling",
    "DevboxUp",
    "NotHere",
    "UvicornReload",
]
