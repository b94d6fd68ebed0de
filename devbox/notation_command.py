"""The notations of commands: the application's own, those before a start, those of a health check.

Each raises ConfigError naming the setting and the right form.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from devbox.errors import ConfigError
from devbox.model import SHELL_FORM, BeforeStart, HealthCheck
from devbox.notation_run import wrong

_LEAST_SECONDS = 0.001
_NO_GLOB = re.compile(r"[\[\]\\]")


def parse_command(value: object, key: str) -> tuple[str, ...]:
    """A command: a text is run by the container's shell, a list of words as it is; () for an empty one."""
    if isinstance(value, str):
        return (*SHELL_FORM, value) if value.strip() else ()
    words = tuple(value) if isinstance(value, list | tuple) else (None,)
    if not all(isinstance(word, str) for word in words) or (words and not words[0]):
        raise wrong(
            key,
            value,
            "it is neither a text nor a list of texts",
            f'write {key} = "alembic upgrade head", or ["alembic", "upgrade", "head"] for no shell',
        )
    return tuple(str(word) for word in words)


def parse_before_start(value: object, number: int) -> BeforeStart:
    """One entry of `before_start`, the `number`th: a command, or a table with `run` and `when`."""
    key = "before_start"
    hint = 'write { run = "alembic upgrade head", when = ["alembic/**"] }'
    table: Mapping[str, object] = value if isinstance(value, Mapping) else {"run": value}
    if unknown := [name for name in table if name not in ("run", "when")]:
        raise wrong(key, f"entry {number}", f"'{unknown[0]}' is neither run nor when", hint)
    when = table.get("when", ())
    command = parse_command(table.get("run", ()), key)
    if not command:
        raise wrong(key, f"entry {number}", "it has no command to run", hint)
    patterns = (when,) if isinstance(when, str) else when
    if not isinstance(patterns, list | tuple):
        raise wrong(key, f"entry {number}", "when is no list of patterns", hint)
    return BeforeStart(command, tuple(_pattern(one, key, hint) for one in patterns))


def _pattern(value: object, key: str, hint: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise wrong(key, value, "a pattern of when is a text", hint)
    clean = posixpath.normpath(value.strip())
    if clean.startswith(("/", "../", "!")) or clean in (".", "..") or _NO_GLOB.search(clean):
        raise wrong(key, value, "a pattern is relative to the build context and has *, ? and **", hint)
    return clean


def health_check(
    command: object,
    interval: float,
    timeout: float,
    start_period: float,
    retries: int,
    *,
    none: bool,
) -> HealthCheck | None:
    """The health check over the image's own, None where nothing is said of it."""
    words = parse_command(command, "health_cmd")
    times = {"health_interval": interval, "health_timeout": timeout, "health_start_period": start_period}
    for key, seconds in times.items():
        if 0 < seconds < _LEAST_SECONDS:
            raise wrong(key, f"{seconds:g}", "the engine takes nothing below 1ms", f'write {key} = "5s"')
    if none and (words or any(times.values()) or retries):
        raise ConfigError(
            "no_healthcheck '--no-healthcheck' contradicts the settings of a health check",
            hint="keep either no_healthcheck or health_cmd and its like",
        )
    if none:
        return HealthCheck(("NONE",))
    if not (words or any(times.values()) or retries):
        return None
    test = ("CMD-SHELL", words[2]) if words[:2] == SHELL_FORM else ("CMD", *words) if words else ()
    return HealthCheck(test, interval, timeout, start_period, retries)
