"""The real engine against the contract."""

from __future__ import annotations

from tests.contract.engine_contract import EngineContract
from tests.contract.run_contract import RunContract


class TestDockerEngine(EngineContract, RunContract):
    """Docker keeps the promises that the rest of devbox builds on."""
