"""Node, which the tests run to see what VS Code would make of devbox's output."""

from __future__ import annotations

import shutil
import sys

from scripts import debian
from scripts.engine import SetupError


def main() -> int:
    """The exit code of the command: 0 when there is a `node`, 1 otherwise."""
    if shutil.which("node"):
        return 0
    reason = debian.why_not_ours()
    if reason:
        debian.say(f"there is no node, and {reason}: install Node.js 18 or newer, the tests run it")
        return 1
    try:
        debian.say("installing Debian's nodejs, which the tests run")
        debian.install("nodejs")
    except SetupError as error:
        debian.say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
