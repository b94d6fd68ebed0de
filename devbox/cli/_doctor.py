"""`devbox doctor`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from devbox.cli._base import AsJson, ProjectPath, app, run


@app.command(short_help="Look for what keeps the project from being served.")
def doctor(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Look for what keeps the project from being served, and say what to do about it.

    Exit code: 0 with nothing worse than warnings, 1 with a failure, 2 where the settings cannot be read, 3
    without an engine.

    Example: devbox doctor
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.known import places_of
        from devbox.doctor.examine import examine
        from devbox.report.diagnosis import show_findings

        places = places_of(path, os.environ)

        async def look() -> int:
            codes = []
            for place in places:
                found = await examine(place, os.environ)
                codes.append(found.exit_code)
                if as_json:
                    findings = [asdict(finding) for finding in found.findings]
                    told = {"project": found.project, "findings": findings, "worst": found.worst}
                    typer.echo(json.dumps(told))
                    continue
                if len(places) > 1:
                    typer.echo(f"{place}:")
                show_findings(found.findings, sys.stdout, os.environ)
            return max(codes)

        return look()

    run(act)
