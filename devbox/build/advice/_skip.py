"""What a Dockerfile asks not to be told, by the directive of BuildKit's own build checks."""

from __future__ import annotations

from devbox.build.dockerfile import Dockerfile

EVERY = "all"


def skipped(dockerfile: Dockerfile) -> frozenset[str]:
    """The rules that `# check=skip=A,B` names, or "all"."""
    for part in dockerfile.directives.get("check", "").split(";"):
        name, _, value = part.partition("=")
        if name.strip() == "skip":
            return frozenset(rule.strip() for rule in value.split(","))
    return frozenset()
