"""The messages of a pull, layer by layer, to one progress over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devbox.engine.values import PullProgress

_COMPLETE = ("Download complete", "Pull complete", "Already exists", "Verifying Checksum", "Extracting")


class Layers:
    """Bytes fetched and bytes to fetch, of the layers whose size the engine has told so far."""

    def __init__(self) -> None:
        self._current: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def see(self, message: Mapping[str, Any]) -> PullProgress:
        """Takes one message of the engine in and says where the pull stands."""
        status, layer = str(message.get("status", "")), str(message.get("id", ""))
        if status == "Downloading":
            detail = message.get("progressDetail") or {}
            self._current[layer] = int(detail.get("current") or 0)
            self._total[layer] = max(int(detail.get("total") or 0), self._current[layer])
        elif status in _COMPLETE and layer in self._total:
            self._current[layer] = self._total[layer]
        return PullProgress(status, sum(self._current.values()), sum(self._total.values()))
