"""Whether a build needs a session, and which secrets it may ask for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile import Dockerfile, base_images, mounted_secrets, unsettled_images
from devbox.model import SecretSource

_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Needs:
    """`given` are the sources of the secrets to offer, `missing` the ids that are mounted and have none."""

    session: bool = False
    given: tuple[SecretSource, ...] = ()
    missing: tuple[str, ...] = ()


def needs(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    *,
    secrets: Collection[SecretSource],
    registries: Collection[str],
    frontend: bool,
    resolves_all: bool,
) -> Needs:
    """What building a target asks for.

    `registries` are those with a login, `frontend` tells whether a `# syntax=` line names what reads the
    file: that may ask for anything. `resolves_all` is true for an engine whose builder asks the registry
    about images that are there already.
    """
    mounted = mounted_secrets(dockerfile, build_args, target)
    given = tuple(one for one in secrets if frontend or one.id in mounted)
    offered = {one.id for one in given}
    # Even to those who are not logged in, most registries give a token first.
    asks = bool(unsettled_images(dockerfile, build_args, target))
    if resolves_all:
        bases = base_images(dockerfile, build_args, target)
        asks = asks or any(registry_of(image) in registries for image in bases)
    return Needs(
        session=bool(mounted) or frontend or asks,
        given=given,
        missing=tuple(name for name in mounted if name not in offered),
    )


def registry_of(image: str) -> str:
    """The host and port of the registry that an image's name means; "docker.io" where it names none."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return _HUB if first == f"index.{_HUB}" else first
    return _HUB
