"""The verbs one after the other, as a script has them: in two projects at once, and in each once more."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

from tests.e2e.conftest import copy_sample, left_behind
from tests.e2e.devboxes import DEVBOX, get, run, wait_until

_BOUND = 180.0
_BUILDS = 6


@pytest.fixture
def projects(folder: Path, engine: docker.DockerClient) -> Iterator[tuple[Path, Path]]:
    """Two copies of sample/, side by side, of one user."""
    both = folder, folder.with_name(f"q{folder.name[1:]}")
    for root in both:
        copy_sample(root)
    yield both
    for root in both:
        run("down", str(root), "--volumes")
        for image in engine.images.list(filters={"label": f"dev.devbox.project={root.name}"}):
            engine.images.remove(str(image.id), force=True)


def test_a_script_in_two_projects_at_once_and_once_more(
    projects: tuple[Path, Path], engine: docker.DockerClient
) -> None:
    meeting = threading.Barrier(2)
    first, second = (
        Script(root, port, other, meeting)
        for root, port, other in zip(projects, free_ports(2), reversed(projects), strict=True)
    )
    for former, stays in ((0, None), (_BUILDS, second)):
        with ThreadPoolExecutor(2) as pool:
            playing = [pool.submit(script.play, former, stays is script) for script in (first, second)]
        for played in playing:
            played.result()
        for script in (first, second):
            assert left_behind(engine, script.name) == []
            assert processes_of(script.root) == []
            with pytest.raises(ConnectionRefusedError):
                get(script.url)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another one."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in taken]


def processes_of(root: Path) -> list[list[str]]:
    """The command lines of the processes that run in a folder, or name our runtime directory."""
    runtime = os.environ["XDG_RUNTIME_DIR"]
    found = psutil.process_iter(["cmdline", "cwd"])
    facts = [(process.info["cmdline"] or [], process.info["cwd"]) for process in found]
    return [words for words, cwd in facts if cwd == str(root) or runtime in " ".join(words)]


class Script:
    """One project's script, typed in its folder. It meets that of `other` where both are to be there."""

    def __init__(self, root: Path, port: int, other: Path, meeting: threading.Barrier) -> None:
        self.root, self.name, self.url = root, root.name, f"http://127.0.0.1:{port}"
        self._publish = f"{port}:8000"
        self._other, self._meeting = other, meeting
        self._asked = 0

    def play(self, former: int, stays: bool) -> None:
        """All of it, after `former` builds; where it `stays`, it ends once the other one has."""
        try:
            self._play(former + 1, stays)
        except BaseException:
            self._meeting.abort()
            raise

    def _play(self, first: int, stays: bool) -> None:
        self._asked = 0
        said = self._devbox("up", "-d", "-p", self._publish)
        assert f"devbox: project {self.name} on " in said
        assert f"devbox: revision {first} serving {self.url} in " in said
        assert self.name in self._greeting() or first == 1
        with self._following("logs", "-f") as log, self._following("events", "-f") as events:
            self._edit(first)
            self._fail_and_mend(first)
            self._go_back_and_forth(first)
            self._meet()
            self._tell_of_itself_and_of_both(first)
            self._meet()
            if stays:
                self._meet()
                assert self._status()["state"] == "serving"
                assert self._greeting() == f"revision {first + 4} of {self.name}"
            assert self._devbox("down").splitlines()[-1] == f"devbox: {self.name} is down"
            stopped = self._status()
            assert [stopped[name] for name in ("state", "revision", "daemon", "gate")] == [
                *("stopped", 0),
                *(None, None),
            ]
            if not stays and first > 1:
                self._meet()
        self._has_only_its_own(log.read_text(), events.read_text(), first)

    def _edit(self, first: int) -> None:
        body = json.dumps({"name": f"of {self.name}"}).encode()
        order = urllib.request.Request(f"{self.url}/items", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(order, timeout=10) as created:
            assert created.status == 201
        for revision in (first + 1, first + 2):
            self._greet(revision)
            assert self._devbox("wait") == f"devbox: revision {revision} serves what is on disk\n"
            assert self._greeting() == f"revision {revision} of {self.name}"
            found = self._status()
            assert (found["project"], found["root"]) == (self.name, str(self.root))
            assert (found["state"], found["revision"], found["urls"]) == ("serving", revision, [self.url])

    def _fail_and_mend(self, first: int) -> None:
        self._write("GREETING = = 'no'")
        said = self._devbox("wait", code=1)
        assert "what is on disk does not serve: " in said
        assert f"revision {first + 2} still serves" in said
        assert "SyntaxError" in said
        found = self._status()
        assert (found["state"], found["revision"], found["failed"]) == ("serving", first + 2, first + 3)
        assert self._greeting() == f"revision {first + 2} of {self.name}"
        self._greet(first + 4)
        assert self._devbox("wait") == f"devbox: revision {first + 4} serves what is on disk\n"
        assert self._greeting() == f"revision {first + 4} of {self.name}"
        assert self._status()["failure"] is None

    def _go_back_and_forth(self, first: int) -> None:
        # What failed to start is no revision to go back to.
        assert f"devbox: revision {first + 2} serving {self.url} in " in self._devbox("rollback")
        assert self._greeting() == f"revision {first + 2} of {self.name}"
        assert f"revision {first + 2} serves since a rollback" in self._devbox("wait", code=1)
        assert "devbox: revision 99 is not kept" in self._devbox("rollback", "99", code=2)
        said = self._devbox("rebuild")
        assert f"devbox: build {first + 5} started: asked for" in said
        assert f"devbox: revision {first + 5} serving {self.url} in " in said
        assert self._greeting() == f"revision {first + 4} of {self.name}"
        # Its data outlived every container, and nobody else has put any there.
        names = [item["name"] for item in json.loads(self._get("/items"))]
        assert set(names[5:]) == {f"of {self.name}"}

    def _tell_of_itself_and_of_both(self, first: int) -> None:
        told = [json.loads(line) for line in self._devbox("status", "--all", "--json").splitlines()]
        assert {found["root"] for found in told} == {str(self.root), str(self._other)}
        assert {found["state"] for found in told} == {"serving"}
        assert len({url for found in told for url in found["urls"]}) == 2
        table = self._devbox("status", "--all").splitlines()[1:]
        assert [line.split()[0] for line in table] == sorted((self.name, self._other.name))
        history = json.loads(self._devbox("history", "--json"))
        assert history["project"] == self.name
        builds = [build for build in history["builds"] if not build["release_only"]]
        assert [build["number"] for build in builds] == list(range(1, first + _BUILDS))
        outcomes = ["served", "served", "served", "start failed", "served", "served"]
        assert [build["outcome"] for build in builds[-_BUILDS:]] == outcomes
        assert {build["url"] for build in builds if build["url"]} == {self.url}
        lines = self._devbox("history").splitlines()
        assert [line.split()[0] for line in lines if line.endswith("  app/main.py")][-4:] == [
            str(first + number) for number in (1, 2, 3, 4)
        ]

    def _has_only_its_own(self, log: str, events: str, first: int) -> None:
        asked = [line.partition("asked=")[2].split()[0] for line in log.splitlines() if "asked=" in line]
        assert asked == [f"{self.name}-{number}" for number in range(1, self._asked + 1)]
        assert self._other.name not in log
        told = [json.loads(line) for line in events.splitlines()]
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        assert (told[0]["kind"], told[0]["root"]) == ("session.started", str(self.root))
        assert told[-1]["kind"] == "session.stopped"
        builds = [event["build"] for event in told if event["kind"] == "build.started"]
        assert builds == list(range(first, first + _BUILDS))
        assert self._other.name not in events

    def _meet(self) -> None:
        self._meeting.wait(2 * _BOUND)

    def _devbox(self, *arguments: str, code: int = 0) -> str:
        """What it says, on standard error where it ends with another code than 0."""
        done = run(*arguments, bound=_BOUND, cwd=self.root)
        assert done.returncode == code, done
        assert bool(done.stderr) == bool(code), done
        return done.stderr if code else done.stdout

    @contextmanager
    def _following(self, verb: str, *arguments: str) -> Iterator[Path]:
        """What a verb writes while the block runs, which is to end it."""
        path = self.root.with_name(f"{self.name}.{verb}")
        with (
            path.open("w") as file,
            subprocess.Popen(
                [*DEVBOX, verb, *arguments], stdout=file, stderr=subprocess.STDOUT, cwd=self.root
            ) as process,
        ):
            try:
                wait_until(lambda: path.stat().st_size, f"the first line of {verb}")
                yield path
                assert process.wait(20) == 0
            finally:
                process.kill()

    def _status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._devbox("status", "--json"))
        return found

    def _greeting(self) -> str:
        self._asked += 1
        return str(json.loads(self._get(f"/?asked={self.name}-{self._asked}"))["greeting"])

    def _get(self, path: str) -> str:
        status, body = get(self.url, path)
        assert status == 200, body
        return body

    def _greet(self, revision: int) -> None:
        self._write(f"GREETING = {f'revision {revision} of {self.name}'!r}")

    def _write(self, greeting: str) -> None:
        """Saves the line in the place of the greeting's: at once, so that it is one change."""
        source, new = self.root / "app" / "main.py", self.root.with_name(f"{self.name}.py")
        lines = source.read_text().splitlines()
        new.write_text("\n".join(greeting if line.startswith("GREETING =") else line for line in lines))
        new.replace(source)
