"""Whether a standby can become what is on disk, and whether a build ran nothing but COPY."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.build.dockerfile import parse
from devbox.config import load
from devbox.daemon.fit import fit, only_copied
from devbox.daemon.work import Source
from devbox.model import Cold, Entry, Image, Kind, Snapshot, Step, StepState, VolumeMount

_DOCKERFILE = "FROM base\nWORKDIR /code\nCOPY . .\n"


def source(root: Path, content: str, *, dockerfile: str = _DOCKERFILE, **settings: object) -> Source:
    entries = {name: Entry(Kind.FILE, 0o644, content, 1) for name in ("main.py", "notes.txt")}
    return Source(
        load(root, settings, {}),
        Snapshot(entries, content),
        parse(dockerfile),
        dockerfile.encode(),
        "Dockerfile",
        content,
        0.0,
    )


def fitted(base: Source, now: Source, *mounts: VolumeMount, script: bool = False) -> tuple[str, ...] | str:
    found = fit(base, now, mounts, lambda _: False, script=script)
    return found.reason if isinstance(found, Cold) else tuple(path.target for path in found.paths)


def test_a_change_of_copied_files_fits(tmp_path: Path) -> None:
    assert fitted(source(tmp_path, "1"), source(tmp_path, "2")) == ("/code/main.py", "/code/notes.txt")


def test_what_lies_under_a_mount_is_left_to_the_user(tmp_path: Path) -> None:
    mount = VolumeMount("bind", "/host", "/code/notes.txt")
    assert fitted(source(tmp_path, "1"), source(tmp_path, "2"), mount) == ("/code/main.py",)
    everything = VolumeMount("bind", "/host", "/code/")
    assert fitted(source(tmp_path, "1"), source(tmp_path, "2"), everything) == ()


def test_other_settings_or_another_dockerfile_do_not_fit(tmp_path: Path) -> None:
    base = source(tmp_path, "1")
    assert fitted(base, source(tmp_path, "2", environment={"A": "b"})) == "settings changed"
    assert (
        fitted(base, source(tmp_path, "2", dockerfile=_DOCKERFILE + "EXPOSE 80\n"))
        == "the Dockerfile changed"
    )


def test_behind_an_entrypoint_script_only_python_fits(tmp_path: Path) -> None:
    reason = fitted(source(tmp_path, "1"), source(tmp_path, "2"), script=True)
    assert reason == "what runs before the application may read what changed"


@pytest.mark.parametrize(
    ("instruction", "state", "plain"),
    [
        ("COPY app app", StepState.DONE, True),
        ("RUN pip install x", StepState.CACHED, True),
        ("RUN pip install x", StepState.DONE, False),
        ("COPY --from=one /a /a", StepState.DONE, False),
        ("FROM base", StepState.CACHED, True),
    ],
)
def test_what_a_build_may_have_run(instruction: str, state: StepState, plain: bool) -> None:
    image = Image("id", (Step(1, 1, instruction, state),), 0.1)
    assert only_copied(image) is plain
