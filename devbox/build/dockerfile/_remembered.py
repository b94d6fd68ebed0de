"""What was found out about a Dockerfile is asked for many times within one save."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import TypeVar

from devbox.build.dockerfile._values import Dockerfile

P = TypeVar("P")
T = TypeVar("T")

Asked = Callable[[Dockerfile, P, Mapping[str, str]], T]
# A few dozen stages, of the file as it was before and as it is now.
_MOST = 128


def remembered(found: Asked[P, T]) -> Asked[P, T]:
    """The same function of a Dockerfile, a part of it and build arguments, worked out once for equal ones."""

    @lru_cache(_MOST)
    def once(dockerfile: Dockerfile, part: P, build_args: tuple[tuple[str, str], ...]) -> T:
        return found(dockerfile, part, dict(build_args))

    @wraps(found)
    def asked(dockerfile: Dockerfile, part: P, build_args: Mapping[str, str]) -> T:
        return once(dockerfile, part, tuple(sorted(build_args.items())))

    return asked
