"""The applications that are edited, a copy for each contestant."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench import routes_app

SAMPLE = Path(__file__).parent.parent / "sample"
ASSETS_PER_FOLDER = 100
_GREETING = re.compile(r'^GREETING = ".*"$', re.MULTILINE)
_COPY_APP = "COPY app app\n"


@dataclass(frozen=True, slots=True)
class App:
    """An application in `folder`: a Dockerfile that serves port 8000, requirements.txt and app.main:app."""

    name: str
    folder: Path

    @classmethod
    def sample(cls, folder: Path, name: str = "sample") -> App:
        """A copy of sample/ in `folder`, which must not exist yet."""
        shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        return cls(name, folder)

    @classmethod
    def routes(cls, folder: Path, name: str) -> App:
        """The same with 50 routes over as many SQLAlchemy and pydantic models, and pydantic-settings."""
        app = cls.sample(folder, name)
        shutil.rmtree(folder / "app")
        (folder / "app").mkdir()
        for path, text in routes_app.sources().items():
            (folder / "app" / path).write_text(text)
        with (folder / "requirements.txt").open("a") as requirements:
            requirements.writelines(f"{line}\n" for line in routes_app.REQUIREMENTS)
        return app

    @classmethod
    def tree(cls, folder: Path, name: str, files: int) -> App:
        """sample/ with as many more files of 1 KB as make it `files`, COPYed in a step of their own."""
        app = cls.sample(folder, name)
        missing = files - sum(path.is_file() for path in folder.rglob("*"))
        for number in range(missing):
            asset = folder / "assets" / f"{number // ASSETS_PER_FOLDER:03d}" / f"{number:05d}.txt"
            asset.parent.mkdir(parents=True, exist_ok=True)
            asset.write_text(f"{number:05d} " * 170)
        if missing > 0:
            dockerfile = folder / "Dockerfile"
            text = dockerfile.read_text()
            if text.count(_COPY_APP) != 1:
                raise ValueError(f"{dockerfile} has no single line {_COPY_APP.strip()!r}")
            dockerfile.write_text(text.replace(_COPY_APP, f"COPY assets assets\n{_COPY_APP}"))
        return app

    def say(self, text: str) -> None:
        """From now on the code answers `GET /` with `text` (letters, digits, spaces)."""
        self.save("app/main.py", with_greeting((self.folder / "app" / "main.py").read_text(), text))

    def save(self, path: str, text: str) -> None:
        """Writes the file at `path`, relative to the folder, in one go."""
        # Written beside the folder and moved in: nobody is measured with half a file, or sees another one.
        written = self.folder.parent / f"{self.folder.name}.saved"
        written.write_text(text)
        written.replace(self.folder / path)


def with_greeting(source: str, text: str) -> str:
    """`source` with another greeting; ValueError where it has none."""
    changed, count = _GREETING.subn(f'GREETING = "{text}"', source)
    if count != 1:
        raise ValueError(f"{count} lines that set GREETING, expected one")
    return changed
