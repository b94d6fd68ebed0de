"""`devbox init` as it is typed: what is written, and that nothing is lost."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.generate.test_generate_project import FASTAPI

FILES = (".dockerignore", "Dockerfile", "devbox.toml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(f"{FASTAPI}@app.get('/health')\ndef health():\n    return {{}}\n")
    (tmp_path / "requirements.txt").write_text("fastapi\nuvicorn\n")
    return tmp_path


def init(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devbox", "init", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )


def asked(answer: str, *arguments: str | Path) -> str:
    """What it says on a terminal where its questions are answered so."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "devbox", "init", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, answer.encode())
    said = b""
    try:
        while piece := os.read(master, 4096):
            said += piece
    except OSError:
        pass  # how Linux tells the end of a terminal
    os.close(master)
    assert process.wait(60) == 0
    return said.decode().replace("\r\n", "\n")


def test_it_writes_and_says_what_and_does_nothing_a_second_time(project: Path) -> None:
    done = init(project)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert all(line.startswith("devbox: ") for line in said)
    assert "devbox: found FastAPI main:app in main.py:2" in said
    assert [line for line in said if "wrote" in line] == [
        f"devbox: wrote {name}" for name in (".dockerignore", "devbox.toml", "Dockerfile")
    ]
    assert said[-1] == f"devbox: next: devbox up {project}"
    assert 'health_path = "/health"' in (project / "devbox.toml").read_text()
    before = {name: (project / name).stat().st_mtime_ns for name in FILES}
    again = init(project).stdout
    assert "wrote" not in again
    assert again.count("nothing to change in") == 3
    assert {name: (project / name).stat().st_mtime_ns for name in FILES} == before


def test_what_is_there_stays_where_nobody_can_be_asked(project: Path) -> None:
    (project / "Dockerfile").write_text("FROM mine\n")
    done = init(project)
    assert done.returncode == 2
    assert "Dockerfile would change" in done.stderr
    assert "--force" in done.stderr
    assert sorted(path.name for path in project.iterdir()) == ["Dockerfile", "main.py", "requirements.txt"]
    assert (project / "Dockerfile").read_text() == "FROM mine\n"
    assert init(project, "--force").returncode == 0
    assert (project / "Dockerfile").read_text().startswith("FROM python:")


@pytest.mark.parametrize(("answer", "kept"), [("n\n", True), ("\n", True), ("y\n", False)])
def test_a_terminal_is_shown_the_difference_and_asked(project: Path, answer: str, kept: bool) -> None:
    (project / "Dockerfile").write_text("FROM mine")
    (project / "Dockerfile").chmod(0o640)
    said = asked(answer, project)
    assert "-FROM mine\n\\ No newline at end of file\n+FROM python:" in said
    assert "replace Dockerfile? [y/N]" in said
    assert ((project / "Dockerfile").read_text() == "FROM mine") is kept
    assert ("left Dockerfile as it is" in said) is kept
    assert (project / "Dockerfile").stat().st_mode & 0o777 == 0o640
    assert (project / ".dockerignore").exists()


def test_what_is_asked_for_is_written(project: Path) -> None:
    assert init(project, "--port", "9000", "--workers", "4", "--proxy-headers").returncode == 0
    text = (project / "Dockerfile").read_text()
    assert '"--port", "9000", "--workers", "4", "--proxy-headers"]' in text
    assert "EXPOSE 9000" in text


def test_the_published_port_is_the_one_to_listen_on(project: Path) -> None:
    (project / "devbox.toml").write_text('ports = ["80:9001"]\n')
    assert init(project).returncode == 0
    assert "EXPOSE 9001" in (project / "Dockerfile").read_text()
    # Settings that are there are the user's.
    assert (project / "devbox.toml").read_text() == 'ports = ["80:9001"]\n'
    assert "publishes 9001, not 9002" in init(project, "--port", "9002", "--force").stdout


def test_a_table_of_settings_is_not_doubled(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.devbox]\nstop_grace = 1\n")
    assert init(project).returncode == 0
    assert not (project / "devbox.toml").exists()


def test_an_ignore_file_keeps_its_lines(project: Path) -> None:
    (project / ".dockerignore").write_text("secret\n")
    assert "replace .dockerignore?" in asked("y\n", project)
    assert (project / ".dockerignore").read_text().startswith("secret\n.git\n")


def test_other_folders_of_the_settings(project: Path) -> None:
    (project / "service").mkdir()
    for name in ("main.py", "requirements.txt"):
        (project / name).rename(project / "service" / name)
    (project / "devbox.toml").write_text('context = "service"\ndockerfile = "docker/web"\n')
    assert init(project).returncode == 0
    assert "main:app" in (project / "docker" / "web").read_text()
    assert (project / "service" / ".dockerignore").exists()


def test_nothing_that_could_be_served(tmp_path: Path) -> None:
    done = init(tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "no application was found" in done.stderr
    (tmp_path / "main.py").write_text(FASTAPI)
    done = init(tmp_path)
    assert done.returncode == 2
    assert "requirements.txt: fastapi[standard]" in done.stderr


def test_vscode_alone_writes_nothing_else(project: Path) -> None:
    assert init(project, "--vscode").returncode == 0
    assert sorted(path.name for path in (project / ".vscode").iterdir()) == ["launch.json", "tasks.json"]
    assert not (project / "Dockerfile").exists()
    # The Dockerfile that would be written tells the debugger where files lie.
    assert '"/app"' in (project / ".vscode" / "launch.json").read_text()
    done = init(project, "--vscode", "--port", "8001")
    assert done.returncode == 0
    assert "EXPOSE 8001" in (project / "Dockerfile").read_text()
    assert init(project, "--run-on-open").returncode == 2


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "70000"), ("--workers", "0")])
def test_numbers_that_cannot_be_meant(project: Path, arguments: tuple[str, ...]) -> None:
    assert init(project, *arguments).returncode == 2
    assert not (project / "Dockerfile").exists()
