"""Where a Dockerfile installs dependencies again with each save: they come after the source. Pure."""

from __future__ import annotations

from devbox.build.advice import CACHE_ORDER as RULES
from devbox.build.advice import Given, advise
from devbox.doctor.finding import Finding, ok, warning

CACHE_ORDER = "cache order"


def cache_order(given: Given) -> tuple[Finding, ...]:
    """One finding for each RUN that installs dependencies after the source was copied, or one that all is
    well. Raises DockerfileError as stage_closure does."""
    found = (each for each in advise(given) if each.rule in RULES)
    # Of what the better lines are, devbox explain tells more than a line holds.
    told = tuple(
        warning(CACHE_ORDER, each.message, f"{each.hint}; devbox explain shows the better lines")
        if each.better
        else warning(CACHE_ORDER, each.message, each.hint)
        for each in found
    )
    return told or (ok(CACHE_ORDER, "dependencies are installed before the source is copied"),)
