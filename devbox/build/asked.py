"""What a build is going to ask for, got together before it starts; and the session to ask it on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.build.dockerfile import Dockerfile
from devbox.build.job import Asked
from devbox.build.needs import needs
from devbox.build.secrets import read_secrets
from devbox.engine.protocol import Engine
from devbox.engine.values import EngineInfo
from devbox.model import SecretSource

if TYPE_CHECKING:
    from devbox.build.session import Files


async def asked_of(
    engine: Engine,
    info: EngineInfo,
    dockerfile: Dockerfile,
    *,
    build_args: Mapping[str, str],
    target: str,
    secrets: Collection[SecretSource],
    root: Path,
    environ: Mapping[str, str],
    frontend: bool,
) -> Asked:
    """What building a target will ask for, secrets read; raises ConfigError for one that cannot be."""
    if not info.buildkit:
        return Asked()
    # Most builds settle without a look at the docker configuration.
    resolves_all = info.image_store == "containerd"
    wanted = needs(
        dockerfile,
        build_args,
        target,
        secrets=secrets,
        registries=await engine.registries() if resolves_all else (),
        frontend=frontend,
        resolves_all=resolves_all,
    )
    values = await asyncio.to_thread(read_secrets, wanted.given, root, environ) if wanted.given else {}
    missing = dict.fromkeys(wanted.missing, "nobody gives it")
    missing |= {
        one.id: f"the environment variable {one.variable} is not set"
        for one in wanted.given
        if one.id not in values
    }
    return Asked(wanted.session, values, missing)


@asynccontextmanager
async def session_for(
    engine: Engine, asked: Asked, files: Files | None = None, shared_key: str = ""
) -> AsyncIterator[str]:
    """The id of a session on which BuildKit gets what it asks for while the block runs, '' where it needs
    none; `shared_key` names the files of former sessions that it may keep. See open_session for the errors.
    """
    if not asked.session and files is None:
        yield ""
        return
    # Loading it takes 0.1 s, which most projects never need.
    from devbox.build.session import logins_service, open_session, secrets_service

    services = {
        **secrets_service(asked.secrets),
        **logins_service(engine),
        **(files.services if files else {}),
    }
    async with open_session(engine, services, shared_key) as session:
        yield session.id
