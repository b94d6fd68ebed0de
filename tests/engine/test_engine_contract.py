"""The real engine against the contract."""

from __future__ import annotations

from tests.contract.engine_contract import EngineContract


class TestDockerEngine(EngineContract):
    """Docker keeps the promises that the rest of devbox builds on."""
