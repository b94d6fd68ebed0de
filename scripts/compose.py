"""Docker Compose for the tests where the machine has none: the plugin alone, unpacked from Debian sid."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from scripts import debian, sid
from scripts.debian import say
from scripts.engine import SetupError
from scripts.stand_in import cache

PACKAGE = "docker-compose"
PLUGINS = "usr/libexec/docker/cli-plugins"


def environment(settings: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What lets the docker program find Compose: nothing where it does already, else a DOCKER_CONFIG in the
    folder `settings`. Raises SetupError where Compose cannot be had."""
    if debian.quiet(["docker", "compose", "version"]).returncode == 0:
        return {}
    settings.mkdir(parents=True, exist_ok=True)
    former = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    kept = json.loads(former.read_text()) if former.is_file() else {}
    kept["cliPluginsExtraDirs"] = [*kept.get("cliPluginsExtraDirs", ()), str(_plugins())]
    (settings / "config.json").write_text(json.dumps(kept))
    return {"DOCKER_CONFIG": str(settings)}


def _plugins() -> Path:
    """The folder that holds the plugin, fetched once."""
    if reason := debian.why_not_ours():
        raise SetupError(f"Docker Compose is not there, and comes from Debian's packages, but {reason}")
    root = cache() / PACKAGE
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / f"{PACKAGE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / PLUGINS / PACKAGE).exists():
            say(f"fetching Docker Compose from Debian {sid.SUITE}")
            with sid.fetched(root, (PACKAGE,)) as work:
                if not os.access(work / PLUGINS / PACKAGE, os.X_OK):
                    raise SetupError(f"Debian's {PACKAGE} holds no plugin of Docker")
    return root / PLUGINS
