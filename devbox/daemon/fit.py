"""Whether a standby can become what is on disk now, and what it takes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from devbox.build.staging import stage
from devbox.daemon.work import Source
from devbox.model import Cold, Image, StagedPath, Staging, StepState, VolumeMount

# What FROM names is looked at before the build; to find it there may take its time.
_FROM_CONTEXT = ("FROM ", "COPY ", "ADD ", "WORKDIR ")


def fit(
    base: Source,
    now: Source,
    mounts: Iterable[VolumeMount],
    is_directory: Callable[[str], bool],
    *,
    script: bool,
) -> Staging | Cold:
    """What makes a standby of the image built from `base` equal the one built from `now`, or why nothing can.

    With `script` something stands before the application that was run already, and may have read whatever
    is no Python source.
    """
    if now.config.config_hash != base.config.config_hash:
        return Cold("settings changed")
    if now.dockerfile_bytes != base.dockerfile_bytes or now.dockerfile_name != base.dockerfile_name:
        return Cold("the Dockerfile changed")
    config = now.config
    found = stage(
        now.dockerfile,
        config.build_args,
        config.target,
        base.snapshot,
        now.snapshot,
        is_directory=is_directory,
    )
    if isinstance(found, Cold):
        return found
    if script and any(not path.target.endswith(".py") for path in found.paths):
        return Cold("what runs before the application may read what changed")
    hidden = tuple(mount.target.rstrip("/") for mount in mounts)
    return Staging(tuple(path for path in found.paths if not _below(path, hidden)))


def only_copied(image: Image) -> bool:
    """Whether a build ran nothing but instructions that copy from the build context."""
    ran = [step for step in image.steps if step.state is not StepState.CACHED]
    return all(
        step.instruction.startswith(_FROM_CONTEXT) and "--from=" not in step.instruction for step in ran
    )


def _below(path: StagedPath, hidden: tuple[str, ...]) -> bool:
    """What lies under a mount is the user's, and hides what the image has there."""
    return any(path.target == target or path.target.startswith(f"{target}/") for target in hidden)
