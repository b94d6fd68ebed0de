"""What devbox takes right now: of its processes, of the engine, of the disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import scripts.engine
from bench.idle import proportional_bytes
from devbox.engine.protocol import Engine
from devbox.model import LABEL_PROJECT

_MEGABYTE = 1e6


class Probe:
    """Looks at one project of the engine, its two folders, and processes by name."""

    def __init__(
        self, engine: Engine, raw: scripts.engine.Engine, project: str, folders: Mapping[str, Path]
    ) -> None:
        self._engine, self._raw, self._project, self._folders = engine, raw, project, folders

    async def figures(self, own: Mapping[str, int], clients: Mapping[str, int]) -> dict[str, float]:
        """Each figure by its name; of `clients` only the memory, which is in MB of 10^6 bytes."""
        found: dict[str, float] = {}
        for name, process in own.items():
            found |= {
                f"{name}: RSS, MB": resident_bytes(process) / _MEGABYTE,
                f"{name}: PSS, MB": proportional_bytes(process) / _MEGABYTE,
                f"{name}: file descriptors": descriptors(process),
                f"{name}: threads": threads(process),
            }
        for name, process in clients.items():
            found[f"{name}: RSS, MB"] = resident_bytes(process) / _MEGABYTE
        images = await self._engine.images(self._project)
        found |= {
            "containers": len(await self._engine.containers(self._project)),
            "images, tagged": sum(bool(image.tags) for image in images),
            "images, dangling": sum(not image.tags for image in images),
            "volumes": len(await self._engine.volumes(self._project)),
            "networks": len(await self.networks()),
        }
        found |= {f"{name}, MB": _bytes_in(folder) / _MEGABYTE for name, folder in self._folders.items()}
        records, size = await asyncio.to_thread(self._build_cache)
        return found | {"build cache, everybody's: records": records, "build cache, MB": size / _MEGABYTE}

    async def counts(self) -> tuple[int, int]:
        """Containers and images of the project."""
        containers = await self._engine.containers(self._project)
        return len(containers), len(await self._engine.images(self._project))

    async def networks(self) -> tuple[str, ...]:
        """Those with the project's label."""
        wanted = quote(json.dumps({"label": [f"{LABEL_PROJECT}={self._project}"]}))
        found = await asyncio.to_thread(self._raw.get, f"/networks?filters={wanted}")
        return tuple(each["Name"] for each in found)

    async def left(self) -> tuple[str, ...]:
        """Containers, volumes and networks, by name."""
        containers = await self._engine.containers(self._project)
        volumes = await self._engine.volumes(self._project)
        return (
            *(f"container {each.name}" for each in containers),
            *(f"volume {each.name}" for each in volumes),
            *(f"network {name}" for name in await self.networks()),
        )

    def _build_cache(self) -> tuple[int, int]:
        cache = self._raw.get("/system/df").get("BuildCache") or ()
        return len(cache), sum(each["Size"] for each in cache)


def descriptors(process: int) -> int:
    """How many files a process has open."""
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def threads(process: int) -> int:
    """How many threads a process has."""
    return sum(1 for _ in Path(f"/proc/{process}/task").iterdir())


def resident_bytes(process: int) -> int:
    """Memory of a process, what is shared with others counted in full."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {process} has no resident set size")


def _bytes_in(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
