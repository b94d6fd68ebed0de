"""A description as the text of a systemd user unit, quoted as systemd.syntax(7) and systemd.service(5) say.
Pure."""

from __future__ import annotations

import math

from devbox.daemon.unit.description import Description


def unit_name(description: Description) -> str:
    """The unit's file name; a project's name holds nothing that would have to be escaped in it."""
    return f"devbox-{description.project}-{description.key}.service"


def unit_text(description: Description) -> str:
    """The whole unit, for Type=notify; systemd reads `argv` and `environment` back as they are."""
    variables = [
        f"Environment={quoted(f'{name}={value}')}" for name, value in sorted(description.environment.items())
    ]
    # The colon keeps systemd from replacing $NAME. KillMode=process: the gate outlives a crash, so that the
    # ports do; devbox ends it itself when it is asked to stop. No StartLimit: an engine that starts late is
    # waited for.
    lines = [
        "[Unit]",
        f"Description=devbox up: {description.project}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        f"ExecStart=:{' '.join(quoted(word) for word in description.argv)}",
        *variables,
        "Restart=on-failure",
        f"RestartSec={math.ceil(description.restart_after)}",
        f"RestartPreventExitStatus={' '.join(str(code) for code in description.never_after)}",
        f"TimeoutStopSec={math.ceil(description.stop_within)}",
        f"WatchdogSec={math.ceil(description.watchdog)}",
        "KillMode=process",
        "SyslogIdentifier=devbox",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join([*lines, ""])


def quoted(word: str) -> str:
    """One word as systemd reads it back: quoted, with C escapes, and without specifiers."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
