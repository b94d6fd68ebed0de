"""A project without a Dockerfile: `devbox up` as it is, and after `devbox init`."""

from __future__ import annotations

from pathlib import Path

import docker

from devbox.daemon.template import NO_DOCKERFILE
from devbox.model import LABEL_ROLE
from tests.e2e.conftest import StartUp, containers_of
from tests.e2e.devboxes import Up, run
from tests.engine.projects import VARIANTS, write

PROJECT = VARIANTS["FastAPI package pip"]


def save(root: Path, text: str) -> None:
    (root / PROJECT.source).write_text(PROJECT.files(text, "")[PROJECT.source])


def environment(engine: docker.DockerClient, folder: Path) -> list[str]:
    """That of the containers that serve, or did a moment ago."""
    found = [one for one in containers_of(engine, folder.name) if one.labels[LABEL_ROLE] == "app"]
    return [line for one in found for line in one.attrs["Config"]["Env"]]


def notices(up: Up) -> list[str]:
    return [event["notice"] for event in up.of("context.notice")]


def test_up_without_a_dockerfile(folder: Path, engine: docker.DockerClient, start: StartUp) -> None:
    write(folder, PROJECT.files("one", ""))
    (folder / ".env").write_text("TOKEN=secret\n")
    up = start()
    first = up.served(bound=400)
    up.serves("one")
    assert notices(up) == [NO_DOCKERFILE]
    assert not (folder / "Dockerfile").exists()
    assert run("exec", "--project", str(folder), "sh", "-c", "id -u; ls -a").stdout.split() == [
        *("1000", ".", "..", "Dockerfile", "requirements.txt", "shop")
    ]

    # A save is served out of a standby.
    up.wait_for("standby.changed", revision=first["revision"], ready=True)
    save(folder, "two")
    second = up.served(after=first["seq"])
    assert second["strategy"] == "warm"
    up.serves("two")

    # A mistake is found in the user's own file, and mended.
    source = folder / PROJECT.source
    good = source.read_text()
    source.write_text(f"{good}def broken(:\n")
    failed = up.wait_for("release.failed", after=second["seq"])
    (problem,) = failed["failure"]["problems"]
    assert (problem["file"], problem["line"]) == (PROJECT.source, good.count("\n") + 1)
    requirements = folder / "requirements.txt"
    source.write_text(good)
    back = up.wait_for("change.ignored", after=failed["seq"])
    requirements.write_text(f"{requirements.read_text()}no-such-package-of-devbox\n")
    failed = up.wait_for("build.failed", after=back["seq"], bound=200)
    (problem,) = failed["failure"]["problems"]
    assert (problem["file"], problem["line"]) == ("requirements.txt", 5)
    write(folder, PROJECT.files("two", ""))
    up.wait_for("change.ignored", after=failed["seq"])

    # A Dockerfile that is written now is taken at once.
    assert run("init", str(folder)).returncode == 0
    taken = up.until(
        lambda: next(
            (one for one in up.of("change.detected") if "Dockerfile" in (*one["added"], *one["modified"])),
            None,
        ),
        "the Dockerfile that init wrote",
    )
    third = up.served(after=taken["seq"])
    up.serves("two")
    own = folder / "Dockerfile"
    own.write_text(own.read_text().replace("EXPOSE 8000\n", "EXPOSE 8000\nENV OWN=yes\n"))
    up.served(after=third["seq"])
    up.until(lambda: "OWN=yes" in environment(engine, folder), "a container of the user's own Dockerfile")
    assert notices(up) == [NO_DOCKERFILE]


def test_the_application_may_write_into_a_new_volume(folder: Path, start: StartUp) -> None:
    write(folder, PROJECT.files("one", ""))
    up = start("-v", f"{folder.name}-data:/data", "-v", "/app/uploads")
    up.served(bound=400)
    touched = run("exec", "--project", str(folder), "touch", "/data/note", "/app/uploads/note")
    assert (touched.returncode, touched.stderr) == (0, "")


def test_explain_tells_of_a_dockerfile_that_is_none(folder: Path, start: StartUp) -> None:
    write(folder, PROJECT.files("one", ""))
    up = start()
    up.served(bound=400)
    assert "COPY . ." in run("explain", str(folder)).stdout


def test_what_cannot_be_recognised_is_refused_as_before(folder: Path) -> None:
    (folder / "main.py").write_text("print('no web application')\n")
    done = run("up", str(folder))
    assert done.returncode == 2
    assert "there is no Dockerfile" in done.stderr
    assert "no application was found" in done.stderr
    assert "--dockerfile" in done.stderr
    named = run("up", str(folder), "--dockerfile", "docker/web")
    assert named.returncode == 2
    assert "no application was found" not in named.stderr
