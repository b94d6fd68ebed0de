"""A `docker` program that answers as Compose does, with what a test gives it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python}
import json, sys
from pathlib import Path
folder = Path({folder!r})
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
for words, file in json.loads((folder / "answers").read_text()):
    if all(word in sys.argv for word in words):
        answer = json.loads((folder / file).read_text())
        print(answer["out"])
        print(answer["err"], file=sys.stderr)
        raise SystemExit(answer["status"])
raise SystemExit(f"nobody told what to answer to {{sys.argv[1:]}}")
"""


class FakeDocker:
    """A program named `name`, first on the PATH of `environ`."""

    def __init__(self, folder: Path, name: str = "docker") -> None:
        self._folder = folder
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        program = folder / "bin" / name
        program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self._answers: list[tuple[list[str], str]] = []
        self.environ = {"PATH": str(folder / "bin"), "HOME": os.environ.get("HOME", "/")}

    def answers(self, *words: str, out: Any = "", err: str = "", status: int = 0) -> None:
        """What a call with all these `words` gets; the newest answer that fits is given."""
        text = out if isinstance(out, str) else json.dumps(out)
        file = f"answer{len(self._answers)}"
        (self._folder / file).write_text(json.dumps({"out": text, "err": err, "status": status}))
        self._answers.insert(0, (list(words), file))
        (self._folder / "answers").write_text(json.dumps(self._answers))

    @property
    def asked(self) -> list[list[str]]:
        """The arguments of every call."""
        try:
            lines = (self._folder / "asked").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]
