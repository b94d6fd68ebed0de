"""Asking for advice on a Dockerfile, and following it."""

from __future__ import annotations

from devbox.build.advice import Advice, Given, advise
from devbox.build.dockerfile import parse

FILES = (
    "app/main.py",
    "requirements.txt",
    "requirements/dev.txt",
    "pyproject.toml",
    "uv.lock",
    "web/package.json",
    "web/package-lock.json",
    "web/src/index.ts",
)


def given(
    text: str,
    *,
    files: tuple[str, ...] = FILES,
    target: str = "",
    ignores: bool = True,
    port: int = 0,
    build_args: dict[str, str] | None = None,
    listing: bool = True,
) -> Given:
    lists = frozenset({"pyproject.toml"} if listing else ())
    return Given(parse(text), text, build_args or {}, target, files, ignores, lists, port)


def advised(
    text: str,
    rule: str = "",
    *,
    files: tuple[str, ...] = FILES,
    target: str = "",
    ignores: bool = True,
    port: int = 0,
    build_args: dict[str, str] | None = None,
    listing: bool = True,
) -> tuple[Advice, ...]:
    """All advice, or that of one rule."""
    what = given(
        text,
        files=files,
        target=target,
        ignores=ignores,
        port=port,
        build_args=build_args,
        listing=listing,
    )
    return tuple(each for each in advise(what) if rule in ("", each.rule))


def followed(text: str, advice: Advice) -> str:
    """The Dockerfile with the better lines in their place."""
    lines = text.split("\n")
    lines[advice.first - 1 : advice.last] = advice.better
    return "\n".join(lines)
