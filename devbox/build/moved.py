"""Base images that became others under their name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from devbox.build.dockerfile import Dockerfile, base_images, build_steps, stage_closure
from devbox.model import Plan


def with_moved_bases(
    plan: Plan, dockerfile: Dockerfile, build_args: Mapping[str, str], target: str, moved: Collection[str]
) -> Plan:
    """The plan with a reason for each step that stands upon one of these images and has none yet; raises
    DockerfileError as stage_closure does."""
    if not moved:
        return plan
    reasons = dict(plan.reasons)
    # Per stage the image that makes it run again.
    upon: dict[int, str] = {}
    for stage in stage_closure(dockerfile, target, build_args):
        for step in build_steps(dockerfile, stage, build_args):
            begins = (
                str(step.inputs[0]) if step.instruction.keyword == "FROM" else step.instruction.flag("from")
            )
            image = next((upon[index] for index in step.origins if index in upon), "")
            image = image or (begins if not step.origins and begins in moved else "")
            if image:
                upon.setdefault(stage.index, image)
            if step.index and stage.index in upon:
                reason = f"{upon[stage.index]} is another image than before"
                reasons.setdefault(step.instruction.text, reason)
                reasons.setdefault(step.name, reason)
    return replace(plan, reasons=reasons)


def moved_bases(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    ids: tuple[str, ...],
    before: tuple[str, ...],
) -> tuple[str, ...]:
    """The base images whose ids are others than before; none where it is not known which id was whose."""
    names = base_images(dockerfile, build_args, target)
    if not len(names) == len(ids) == len(before):
        return ()
    return tuple(name for name, now, then in zip(names, ids, before, strict=True) if now != then)
