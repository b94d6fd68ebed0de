"""Suites of promises that several implementations are held to."""

from __future__ import annotations

import pytest

# Plain modules say no more than "assert" when a promise is broken.
pytest.register_assert_rewrite("tests.contract.engine_contract")
