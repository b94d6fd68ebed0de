"""A compose file read as configuration."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devbox.compose.choice import choose
from devbox.compose.files import compose_files
from devbox.compose.leads import watched
from devbox.compose.program import resolve
from devbox.compose.translate import translate
from devbox.compose.values import Compose, Composed, Wanted


def read(root: Path, wanted: Wanted, environ: Mapping[str, str]) -> Composed | None:
    """What the compose file of the project in `root` says of the service to develop; None where there is no
    such file, or it builds nothing and nothing of it was asked for.

    Takes a quarter of a second where there is one, as Compose itself is asked. Raises ConfigError.
    """
    files = compose_files(root, wanted, environ)
    if not files:
        return None
    file = os.path.relpath(files[0], root)
    options = (
        *(word for name in wanted.files for word in ("-f", str(root / name))),
        *(word for profile in wanted.profiles for word in ("--profile", profile)),
    )
    resolved = resolve(root, options, environ, file)
    services = resolved.project.get("services") or {}
    choice = choose(services, wanted.service, file, beside_others=wanted.beside_others)
    if choice is None:
        return None
    translation = translate(resolved.project, choice.service, environ, file)
    return Composed(
        compose=Compose(
            name=resolved.project["name"],
            service=choice.service,
            file=file,
            command=resolved.command,
            before=choice.before,
            after=choice.after,
            jobs=choice.jobs,
            networks=translation.networks,
            volumes=translation.volumes,
            syncs=translation.syncs,
            triggers=translation.triggers,
            unsupported=tuple(dict.fromkeys(translation.unsupported)),
            warnings=resolved.warnings,
            watched=watched(root, files),
            digest=_digest(resolved.project, choice.service),
        ),
        settings=translation.settings,
    )


def _digest(project: Mapping[str, Any], service: str) -> str:
    services = {name: value for name, value in project["services"].items() if name != service}
    return hashlib.sha256(json.dumps({**project, "services": services}, sort_keys=True).encode()).hexdigest()[
        :16
    ]
