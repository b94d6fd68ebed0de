"""A description as a property list for launchd, see launchd.plist(5). Pure."""

from __future__ import annotations

import math
import plistlib
from pathlib import Path

from devbox.daemon.unit.description import Description


def label(description: Description) -> str:
    """The job's label; the file is called as it is."""
    return f"dev.devbox.{description.project}.{description.key}"


def plist(description: Description, log: Path) -> bytes:
    """The whole property list; what devbox says goes into the file `log`.

    launchd knows no exit codes after which a job is not started again.
    """
    return plistlib.dumps(
        {
            "Label": label(description),
            "ProgramArguments": list(description.argv),
            "EnvironmentVariables": dict(description.environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": math.ceil(description.restart_after),
            "ExitTimeOut": math.ceil(description.stop_within),
            # The gate outlives a crash, so that the ports do.
            "AbandonProcessGroup": True,
            # Else builds and swaps would run at the pace of a background job.
            "ProcessType": "Interactive",
            "StandardOutPath": str(log),
            "StandardErrorPath": str(log),
        }
    )
