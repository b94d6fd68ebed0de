"""What is to be said of the engine, its builder, its images and its clock. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from devbox.doctor.facts import Answer, Base
from devbox.doctor.finding import ENGINE, Finding, failure, ok, warning
from devbox.doctor.words import number, some, span
from devbox.engine.values import EngineInfo
from devbox.errors import DevboxError, EngineRefused, PullFailed

BUILDKIT, IMAGE_STORE, BASE_IMAGE, CLOCK = "buildkit", "image store", "base image", "clock"

# Seconds by which clocks may differ, and by which a file may be ahead, before it does harm.
_CLOCKS_APART = 2.0
_MALFORMED = 400
_STORES = {
    "vfs": "which copies every layer whole: builds are slow and the disk fills up",
    "aufs": "which Docker gave up",
    "devicemapper": "which Docker gave up",
}


def engine(answer: Answer | DevboxError, environ: Mapping[str, str]) -> Finding:
    """Who answers, or why nobody does."""
    if isinstance(answer, DevboxError):
        elsewhere = _where_to_look(environ) if answer.what.startswith("no engine") else ""
        return failure(ENGINE, str(answer), elsewhere or answer.hint)
    info = answer.info
    return ok(ENGINE, f"{info.name} {info.version} at {info.address}, API {info.api_version}")


def _where_to_look(environ: Mapping[str, str]) -> str:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if value := environ.get(name):
            return f"{name}={value} says where to look: start that engine, or unset {name}"
    return ""


def buildkit(info: EngineInfo, silence: str | None) -> Finding:
    """Whether BuildKit takes builds; `silence` is why it did not answer, '' where it did, None where it was
    not asked because the engine does not offer it."""
    if silence:
        return failure(
            BUILDKIT,
            f"the engine's builder does not answer: {silence}",
            "restart the engine (sudo systemctl restart docker, or restart Docker Desktop)",
        )
    if silence is not None:
        return ok(BUILDKIT, "answers at the engine's build endpoint")
    slower = "without it builds are slower, and RUN --mount does not work"
    if info.name == "Podman":
        step = "nothing, if that will do; Docker Engine has it"
    elif info.image_store == "containerd":
        step = "update Docker to 27.5 or newer, or turn its containerd image store off"
    else:
        step = "update Docker to 23.0 or newer"
    return warning(BUILDKIT, f"{info.name} {info.version} does not take builds for it: {slower}", step)


def image_store(info: EngineInfo) -> Finding:
    """How the engine keeps its images."""
    store = info.image_store
    if trouble := _STORES.get(store):
        return warning(
            IMAGE_STORE,
            f"{store}, {trouble}",
            'set "storage-driver": "overlay2" in /etc/docker/daemon.json and restart Docker;'
            " images have to be pulled and built again",
        )
    return ok(IMAGE_STORE, store or f"{info.name} does not tell which it uses")


def base_image(base: Base) -> Finding:
    """Whether a base image is here, or can be had."""
    name = base.reference
    if base.here:
        return ok(BASE_IMAGE, f"{name} is here")
    answer = base.answer
    if answer is None:
        return ok(BASE_IMAGE, f"{name} is not here yet; its registry has it, and the first build pulls it")
    cause = " ".join((answer.cause or answer.what).split())
    if isinstance(answer, EngineRefused) and answer.status == _MALFORMED:
        return failure(BASE_IMAGE, f"{name} is no name of an image: {cause}", "correct it in the Dockerfile")
    if isinstance(answer, PullFailed):
        return failure(BASE_IMAGE, f"{name} is not here, and its registry says no: {cause}", answer.hint)
    return warning(
        BASE_IMAGE,
        f"{name} is not here, and its registry could not be asked: {cause}",
        f"{answer.hint}; then docker pull {name}" if answer.hint else f"docker pull {name}",
    )


def clocks(answer: Answer) -> Finding:
    """Whether the engine and this machine have the same time."""
    clock = answer.info.clock
    if not clock:
        return ok(CLOCK, f"{answer.info.name} does not tell its time")
    apart = max(answer.asked - clock, clock - answer.answered)
    if apart <= _CLOCKS_APART:
        return ok(CLOCK, "the engine and this machine have the same time")
    which = "behind" if clock < answer.asked else "ahead of"
    return warning(
        CLOCK,
        f"the engine's clock is {span(apart)} {which} this machine's: times of images and logs are wrong",
        "set the wrong one: sudo timedatectl set-ntp true on that machine, or restart Docker Desktop",
    )


def future_files(ahead: Mapping[str, float], folder: str) -> Finding:
    """Files of the build context in `folder` whose time of change is so many seconds ahead of this machine's
    clock."""
    harmful = {path: seconds for path, seconds in ahead.items() if seconds > _CLOCKS_APART}
    if not harmful:
        return ok(CLOCK, "no file of the build context is from the future")
    return warning(
        CLOCK,
        f"{number(len(harmful), 'file')} of the build context from the future"
        f" (up to {span(max(harmful.values()))}: {some(sorted(harmful))}):"
        " what goes by a file's time misses changes",
        f"find {shlex.quote(folder)} -newermt now -exec touch -c {{}} +",
    )
