"""From a path in the container back to the file that COPY took."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import parse
from devbox.build.origin import Origins
from devbox.model import Entry, Kind

FILES = (
    "Dockerfile",
    "requirements.txt",
    "app/main.py",
    "app/deep/x.py",
    "lib/y.py",
    "scripts/run.py",
    "setup.py",
)
ENTRIES = {
    **{name: Entry(Kind.FILE, 0o644, name, 1) for name in FILES},
    **{name: Entry(Kind.DIRECTORY, 0o755, "", 0) for name in ("app", "app/deep", "lib", "scripts")},
}


def origins(dockerfile: str, target: str = "") -> Origins:
    return Origins(parse(dockerfile), {}, target, ENTRIES)


@pytest.mark.parametrize(
    ("dockerfile", "place", "path"),
    [
        ("FROM x\nWORKDIR /code\nCOPY . .\n", "/code/app/main.py", "app/main.py"),
        ("FROM x\nWORKDIR /code\nCOPY app app\n", "/code/app/deep/x.py", "app/deep/x.py"),
        ("FROM x\nWORKDIR /code\nCOPY app /srv\n", "/srv/main.py", "app/main.py"),
        ("FROM x\nWORKDIR /code\nCOPY app/main.py .\n", "/code/main.py", "app/main.py"),
        ("FROM x\nCOPY app/main.py /srv/start.py\n", "/srv/start.py", "app/main.py"),
        ("FROM x\nCOPY app/main.py lib/y.py /srv/\n", "/srv/y.py", "lib/y.py"),
        ("FROM x\nCOPY app/*.py /srv/\n", "/srv/main.py", "app/main.py"),
        ("FROM x\nARG TO=/srv\nCOPY app $TO/app\n", "/srv/app/main.py", "app/main.py"),
        ("FROM x\nCOPY --parents app/main.py /srv/\n", "/srv/app/main.py", "app/main.py"),
        (
            "FROM x AS b\nCOPY app /b/app\nFROM y\nCOPY --from=b /b /code\n",
            "/code/app/main.py",
            "app/main.py",
        ),
        (
            "FROM x AS b\nCOPY setup.py /b/\nFROM y\nCOPY --from=b /b/setup.py /s/\n",
            "/s/setup.py",
            "setup.py",
        ),
        ("FROM x AS b\nWORKDIR /code\nCOPY app app\nFROM b\nUSER 1\n", "/code/app/main.py", "app/main.py"),
        ("FROM x\nCOPY app /code\nCOPY lib /code\n", "/code/y.py", "lib/y.py"),
        ("FROM x\nADD app /code/../srv/\n", "/srv/./main.py", "app/main.py"),
        ("FROM x\nWORKDIR /code\nCOPY app app\n", "/code/app/gone.py", None),
        ("FROM x\nWORKDIR /code\nCOPY app app\n", "/usr/lib/python3.13/json/decoder.py", None),
        ("FROM x\nWORKDIR /code\nCOPY . .\n", "/code/site-packages/app/main.py", None),
        ("FROM x\nCOPY --from=other /app /app\n", "/app/main.py", None),
    ],
)
def test_path_of(dockerfile: str, place: str, path: str | None) -> None:
    assert origins(dockerfile).path_of(place) == path


def test_of_each_stage_its_own() -> None:
    dockerfile = "FROM x AS a\nCOPY app /one\nFROM x AS b\nCOPY lib /one\n"
    assert origins(dockerfile, "a").path_of("/one/main.py") == "app/main.py"
    assert origins(dockerfile, "0").path_of("/one/main.py") == "app/main.py"
    assert origins(dockerfile).path_of("/one/main.py") is None
    assert origins(dockerfile, "none").path_of("/one/main.py") is None


def test_the_folders_that_are_copied() -> None:
    sample = "FROM x\nWORKDIR /code\nCOPY requirements.txt .\nCOPY app app\nCOPY lib/y.py /lib.py\n"
    assert origins(sample).roots() == (("/code/app", "app"), ("/code", ""))
    assert origins("FROM x AS b\nCOPY . /srv\nFROM b\nCOPY app /srv/app\n").roots() == (
        ("/srv/app", "app"),
        ("/srv", ""),
    )
