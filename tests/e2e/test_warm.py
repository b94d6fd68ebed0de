"""A source-only save goes live in a container that stood by, out of an image that was really rebuilt."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp, containers_of
from tests.e2e.devboxes import EventDict, Up, answer, wait_until

_COPY_ALL = """\
FROM python:3.13-slim
WORKDIR /code
COPY requirements.txt .
RUN echo installing && cat requirements.txt && useradd --uid 1500 worker
COPY {flags} . .
{user}CMD ["python", "server.py"]
"""


def ready(up: Up, *, after: int = 0) -> EventDict:
    """The next standby that waits."""
    return up.wait_for("standby.changed", after=after, ready=True)


def test_a_saved_file_is_served_warm_and_a_requirement_is_not(sample: Path, start: StartUp) -> None:
    up = start()
    up.served(bound=300)
    seq = ready(up)["seq"]
    main = sample / "app" / "main.py"
    main.write_text(main.read_text().replace("Hello from devbox", f"Warm {sample.name}"))
    served = up.served(after=seq)
    assert served["strategy"] == "warm", up.said()
    up.serves(f"Warm {sample.name}")
    built = up.wait_for("build.finished", after=seq)
    assert built["build"] == served["revision"]
    assert served["image"] == built["image"]
    seq = ready(up, after=served["seq"])["seq"]
    (sample / "requirements.txt").write_text((sample / "requirements.txt").read_text() + f"# {sample.name}\n")
    served = up.served(after=seq, bound=200)
    assert served["strategy"] == "rolling"
    assert "requirements.txt" in up.wait_for("release.started", after=seq)["reason"]


def test_a_standby_is_never_unhealthy_and_what_it_becomes_is_checked(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    check = "import os, socket; os.path.exists('/tmp/sick') and exit(1); "
    check += "socket.create_connection(('127.0.0.1', 8000), 3).close()"
    write_project(
        folder,
        dockerfile="FROM python:3.13-slim\nWORKDIR /code\nCOPY server.py .\n"
        f'HEALTHCHECK --interval=1s --retries=1 CMD ["python", "-c", "{check}"]\n'
        'CMD ["python", "server.py"]\n',
    )
    up = start()
    up.served()
    seq = ready(up)["seq"]
    (standby,) = [item for item in containers_of(engine, folder.name) if "standby" in str(item.name)]

    def health() -> dict[str, Any]:
        standby.reload()
        found: dict[str, Any] = standby.attrs["State"]["Health"]
        return found

    wait_until(lambda: len(health()["Log"]) >= 2, "two checks of the standby")
    assert health()["Status"] == "starting"
    write_server(folder, "two")
    assert up.served(after=seq)["strategy"] == "warm"
    wait_until(lambda: health()["Status"] == "healthy", "a check of what serves")
    standby.exec_run(["touch", "/tmp/sick"])
    wait_until(lambda: health()["Status"] == "unhealthy", "a check that fails")


def test_what_a_base_image_copies_on_its_own_is_served_too(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    """The Dockerfile tells nothing of it: all is sent, and no standby can know what became of it."""
    base = f"devbox-onbuild-{folder.name}"
    text = b"FROM python:3.13-slim\nWORKDIR /code\nONBUILD COPY server.py .\n"
    engine.images.build(fileobj=io.BytesIO(text), tag=base)
    try:
        write_project(folder, dockerfile=f'FROM {base}\nCMD ["python", "server.py"]\n')
        up = start()
        up.served(bound=120)
        seq = ready(up)["seq"]
        write_server(folder, "two")
        assert up.served(after=seq)["strategy"] == "rolling", up.said()
        up.serves("two")
    finally:
        engine.images.remove(base, force=True)


def test_another_base_image_of_the_same_name_is_no_matter_for_a_standby(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    base = f"devbox-base-{folder.name}"

    def make(text: str) -> None:
        dockerfile = f"FROM python:3.13-slim\nRUN echo {text} > /base.txt\n"
        engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=base)

    make("old")
    try:
        write_project(
            folder, dockerfile=f'FROM {base}\nWORKDIR /code\nCOPY server.py .\nCMD ["python", "server.py"]\n'
        )
        up = start()
        seq = ready(up, after=up.served(bound=120)["seq"])["seq"]
        make("new")
        write_server(folder, "two")
        served = up.served(after=seq)
        assert served["strategy"] == "rolling", up.said()
        assert "base image" in up.wait_for("release.started", after=seq)["reason"]
        (container,) = (item for item in containers_of(engine, folder.name) if f"{item.name}".endswith("-r2"))
        assert container.exec_run(["cat", "/base.txt"]).output == b"new\n"
        seq = ready(up, after=served["seq"])["seq"]
        write_server(folder, "three")
        assert up.served(after=seq)["strategy"] == "warm", up.said()
    finally:
        engine.images.remove(base, force=True)


@pytest.mark.parametrize(
    ("flags", "user"),
    [("", ""), ("", "USER 1000:1000\n"), ("--chown=worker:worker", "USER worker\n"), ("--chmod=0751", "")],
)
def test_the_files_of_a_warm_container_are_those_of_its_image(
    folder: Path, start: StartUp, engine: docker.DockerClient, flags: str, user: str
) -> None:
    write_project(folder, dockerfile=_COPY_ALL.format(flags=flags, user=user))
    (folder / "package").mkdir()
    for name in ("kept.txt", "changed.txt", "removed.txt", "moved.txt"):
        (folder / "package" / name).write_text(name)
    (folder / "link").symlink_to("package/kept.txt")
    up = start()
    up.served(bound=120)
    ready(up)
    (folder / "package" / "changed.txt").write_text("changed")
    (folder / "package" / "removed.txt").unlink()
    (folder / "package" / "moved.txt").rename(folder / "moved here.txt")
    (folder / "package" / "new" / "deep").mkdir(parents=True)
    (folder / "package" / "new" / "deep" / "é.txt").write_text("new")
    (folder / "package" / "kept.txt").chmod(0o600)
    (folder / "link").unlink()
    (folder / "link").symlink_to("moved here.txt")
    write_server(folder, "two")
    up.serves("two")
    wait_until(lambda: up.of("release.served")[-1]["strategy"] == "warm", up.said())
    serving = next(item for item in containers_of(engine, folder.name) if str(item.name).endswith(_tail(up)))
    fresh = engine.containers.create(up.of("release.served")[-1]["image"])
    try:
        assert _tree(serving) == _tree(fresh)
        assert "package/new/deep/é.txt" in " ".join(_tree(serving))
    finally:
        fresh.remove(force=True)


def _tail(up: Up) -> str:
    return f"-r{up.of('release.served')[-1]['revision']}"


def _tree(container: Container) -> dict[str, tuple[object, ...]]:
    """Path -> type, mode, owner, link target and content of everything but what Docker itself puts there."""
    data = b"".join(iter(container.export()))  # type: ignore[arg-type] # so in the stubs
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for item in tar:
            top = item.name.split("/")[0]
            if top in {"proc", "sys", "dev", "run", ".dockerenv"} or item.name.startswith(
                ("etc/", "usr/sbin/docker-init")
            ):
                continue
            content = tar.extractfile(item) if item.isfile() else None
            found[item.name] = (
                item.type,
                item.mode,
                item.uid,
                item.gid,
                item.linkname,
                content.read() if content else b"",
            )
    return found


def test_a_boot_that_fails_warm_shows_what_a_cold_start_prints(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    served = up.served(bound=120)
    ready(up)
    (folder / "server.py").write_text("def begin():\n    import nothing_of_that_name\n\nbegin()\n")
    failed = up.wait_for("release.failed", after=served["seq"])
    assert failed["failure"]["log"] == [
        "Traceback (most recent call last):",
        '  File "/code/server.py", line 4, in <module>',
        "    begin()",
        "    ~~~~~^^",
        '  File "/code/server.py", line 2, in begin',
        "    import nothing_of_that_name",
        "ModuleNotFoundError: No module named 'nothing_of_that_name'",
    ]
    assert failed["serving"] == served["revision"]
    assert answer(up.url) == "one"
    write_server(folder, "healed")
    up.serves("healed")


def test_a_save_that_supersedes_a_warm_round_is_served_warm_too(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    seq = ready(up)["seq"]
    slow = (folder / "server.py").read_text()
    (folder / "server.py").write_text(f"import time\ntime.sleep(30)\n{slow}")
    up.wait_for("build.finished", after=seq)
    write_server(folder, "two")
    served = up.served(after=seq)
    assert up.of("build.superseded"), up.said()
    assert served["strategy"] == "warm", up.said()
    assert answer(up.url) == "two"


def test_a_killed_devbox_leaves_no_standby_and_its_warm_revision_is_adopted(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    first = start()
    first.served(bound=120)
    seq = ready(first)["seq"]
    write_server(folder, "two")
    served = first.served(after=seq)
    assert served["strategy"] == "warm"
    ready(first, after=served["seq"])
    first.kill()
    wait_until(lambda: _running(engine, folder.name) == [f"devbox-{folder.name}-r2"], "the standby's end")
    second = start()
    adopted = second.served()
    assert (adopted["strategy"], adopted["revision"]) == ("adopted", served["revision"])
    assert adopted["image"] == served["image"]
    assert answer(second.url) == "two"
    seq = ready(second)["seq"]
    write_server(folder, "three")
    assert second.served(after=seq)["strategy"] == "warm"
    assert len(second.of("build.started")) == 1


def _running(engine: docker.DockerClient, project: str) -> list[str]:
    return [str(item.name) for item in containers_of(engine, project) if item.status == "running"]


def test_a_leftover_that_has_the_name_of_the_next_revision_makes_way(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    up = start()
    seq = ready(up, after=up.served(bound=120)["seq"])["seq"]
    (serving,) = (item for item in containers_of(engine, folder.name) if f"{item.name}".endswith("-r1"))
    engine.containers.create("python:3.13-slim", name=f"devbox-{folder.name}-r2", labels=serving.labels)
    write_server(folder, "two")
    served = up.served(after=seq)
    assert (served["revision"], served["strategy"]) == (2, "rolling"), up.said()
    assert answer(up.url) == "two"


def test_warm_false_is_obeyed(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / "devbox.toml").write_text("warm = false\n")
    up = start()
    seq = up.served(bound=120)["seq"]
    write_server(folder, "two")
    assert up.served(after=seq)["strategy"] == "rolling"
    assert [event for event in up.of("standby.changed") if event["ready"]] == []


def test_a_file_that_the_image_brings_along_reappears_when_its_cover_is_removed(
    folder: Path, start: StartUp
) -> None:
    dockerfile = _COPY_ALL.format(flags="", user="").replace(
        "COPY  . .", "RUN echo below > cover.txt\nCOPY . ."
    )
    write_project(folder, dockerfile=dockerfile)
    (folder / "cover.txt").write_text("above")
    up = start()
    up.served(bound=120)
    ready(up)
    assert answer(up.url, "/read/code/cover.txt") == "above"
    (folder / "cover.txt").unlink()
    up.serves("below\n", "/read/code/cover.txt")
