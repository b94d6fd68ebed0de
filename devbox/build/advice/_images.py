"""Base images: those that nobody looks after any more, and those that change under their name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from devbox.build.advice._place import Place
from devbox.build.advice.values import Advice
from devbox.build.dockerfile import Stage

DEPRECATED = "DeprecatedBaseImage"
UNPINNED = "UnpinnedBaseImage"

_PYTHON = "python:3.13-slim"
_REGISTRIES = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "public.ecr.aws/docker/")
_TIANGOLO = "its author says to build on the official python image instead"
_RETIRED: Mapping[str, str] = {
    "tiangolo/uvicorn-gunicorn": _TIANGOLO,
    "tiangolo/uvicorn-gunicorn-fastapi": _TIANGOLO,
    "tiangolo/uvicorn-gunicorn-starlette": _TIANGOLO,
    "tiangolo/meinheld-gunicorn": _TIANGOLO,
    "tiangolo/meinheld-gunicorn-flask": _TIANGOLO,
    "centos": "CentOS Linux has ended",
    "openjdk": "Docker Hub marks it as deprecated",
    "java": "Docker Hub marks it as deprecated",
}
_PYTHON_ENDED: Mapping[str, str] = {
    "2": "January 2020",
    "3.0": "June 2009",
    "3.1": "April 2012",
    "3.2": "February 2016",
    "3.3": "September 2017",
    "3.4": "March 2019",
    "3.5": "September 2020",
    "3.6": "December 2021",
    "3.7": "June 2023",
    "3.8": "October 2024",
    "3.9": "October 2025",
}
_DEBIAN_ENDED: Mapping[str, str] = {
    "wheezy": "May 2018",
    "jessie": "June 2020",
    "stretch": "June 2022",
    "buster": "June 2024",
}
_PYTHON_TAG = re.compile(r"(2|3\.\d+)(?:\.\d+\w*)?(?![\d.])(.*)")
_ALPINE = re.compile(r"alpine[\d.]+")
_FLOATING = frozenset(
    {"latest", "slim", "alpine", "stable", "edge", "main", "master", "nightly", "rolling", "lts", "current"}
)
# Registries that give away nothing but the newest, with the release in the name where there is one.
_WITHOUT_VERSIONS = ("gcr.io/distroless/", "cgr.dev/chainguard/")
# Of these nobody but root is the user, and none opens a port, as long as a Dockerfile says nothing else.
_BARE = frozenset(
    {"python", "pypy", "debian", "ubuntu", "alpine", "node", "fedora", "rockylinux", "almalinux"}
    | {"amazonlinux", "buildpack-deps", "busybox", "ghcr.io/astral-sh/uv"}
)


def images(place: Place) -> Iterator[Advice]:
    """Each FROM of an image that is out of support, or whose name says no version."""
    for stage in place.closure:
        image = place.image(stage)
        if not image or image == "scratch" or "$" in image:
            continue
        name, tag, digest = parts(image)
        ended = _ended(name, tag)
        if ended:
            yield _deprecated(place, stage, image, ended)
        elif name.startswith(_WITHOUT_VERSIONS):
            continue
        elif not digest and (not tag or tag.partition("-")[0] in _FLOATING):
            yield _unpinned(place, stage, image, name, tag)


def is_bare(image: str) -> bool:
    """Whether an image is known to run as root and to open no port by itself."""
    return parts(image)[0] in _BARE


def parts(image: str) -> tuple[str, str, str]:
    """Name without Docker's own registry, tag and digest of an image; '' for what it does not have."""
    rest, _, digest = image.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    for registry in _REGISTRIES:
        head = head.removeprefix(registry)
    return head.removeprefix("library/"), tag, digest


def _ended(name: str, tag: str) -> str:
    """Why an image gets no updates any more, '' where that is not known."""
    if name in _RETIRED:
        return _RETIRED[name]
    if name == "python" and (match := _PYTHON_TAG.fullmatch(tag)) and match[1] in _PYTHON_ENDED:
        return f"Python {match[1]} has had no fixes since {_PYTHON_ENDED[match[1]]}"
    if name in ("python", "debian", "node", "buildpack-deps", "pypy"):
        release = next((word for word in tag.split("-") if word in _DEBIAN_ENDED), "")
        return f"Debian {release} has had no fixes since {_DEBIAN_ENDED[release]}" if release else ""
    return ""


def _deprecated(place: Place, stage: Stage, image: str, ended: str) -> Advice:
    first = stage.instructions[0]
    name, tag, _ = parts(image)
    instead = _PYTHON
    if name == "python" and (match := _PYTHON_TAG.fullmatch(tag)):
        words = (_ALPINE.sub("alpine", word) for word in match[2].strip("-").split("-"))
        variant = "-".join(word for word in words if word not in _DEBIAN_ENDED)
        number = "3.13" if match[1] in _PYTHON_ENDED else match[1]
        instead = f"python:{number}{f'-{variant}' if variant else ''}"
    is_python = name == "python" or name.startswith("tiangolo/")
    better = _from(place, stage, image, instead) if is_python else None
    hint = f"build on {instead}" if is_python else "build on an image that is looked after"
    return place.advice(DEPRECATED, first, f"{image} gets no updates: {ended}", hint, better=better)


def _unpinned(place: Place, stage: Stage, image: str, name: str, tag: str) -> Advice:
    first = stage.instructions[0]
    variant = f"-{tag}" if tag not in ("", "latest") else ""
    instead = f"python:3.13{variant}" if name == "python" else ""
    better = _from(place, stage, image, instead) if instead else None
    hint = f"name a version, as in {instead or f'{name}:<version>'}"
    message = f"{image} is another image after each release: what was built and tested today is not there"
    return place.advice(UNPINNED, first, f"{message} tomorrow", hint, better=better)


def _from(place: Place, stage: Stage, image: str, instead: str) -> tuple[str, ...] | None:
    """The FROM with another image, None where a variable stands in it."""
    if stage.base != image:
        return None
    return place.rewritten(stage.instructions[0], lambda old: old.replace(image, instead, 1))
