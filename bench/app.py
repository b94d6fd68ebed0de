"""The application that is edited: a copy of sample/ for each contestant."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path(__file__).parent.parent / "sample"
_GREETING = re.compile(r'^GREETING = ".*"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class App:
    """An application in `folder`: a Dockerfile that serves port 8000, requirements.txt and app.main:app."""

    name: str
    folder: Path

    @classmethod
    def sample(cls, folder: Path) -> App:
        """A copy of sample/ in `folder`, which must not exist yet."""
        shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        return cls("sample", folder)

    def say(self, text: str) -> None:
        """From now on the code answers `GET /` with `text` (letters, digits, spaces)."""
        path = self.folder / "app" / "main.py"
        # Written beside the folder and moved in: nobody is measured with half a file, or sees another one.
        written = self.folder.parent / f"{self.folder.name}.py"
        written.write_text(with_greeting(path.read_text(), text))
        written.replace(path)


def with_greeting(source: str, text: str) -> str:
    """`source` with another greeting; ValueError where it has none."""
    changed, count = _GREETING.subn(f'GREETING = "{text}"', source)
    if count != 1:
        raise ValueError(f"{count} lines that set GREETING, expected one")
    return changed
