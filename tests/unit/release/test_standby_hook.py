"""The hook of a standby in real interpreters, each process 1 of a namespace of its own as in a container."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devbox.model import Kind, StagedFile, StagedPath
from devbox.release.standby import wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it runs in Linux containers only")

HOOK = Path(wire.__file__).parent / "bootstrap"
# As root of a user namespace, where it is begun by nobody in particular.
_ROOT = () if os.geteuid() == 0 else ("--map-root-user",)
ALONE = ("unshare", *_ROOT, "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
# What the hook notes in /dev/shm stays in there; dash would leave PWD behind.
_OWN_MEMORY = 'mount -t tmpfs none /dev/shm && unset PWD OLDPWD && exec "$@"'
_BOUND = 60.0

# Whatever an application can find out about how it was begun.
_TELL = """
import gc, json, os, sys
print(json.dumps([
    sys.argv, getattr(sys, "orig_argv", []), str(sys.flags), sys.path, sorted(os.environ.items()),
    os.getcwd(), sys.dont_write_bytecode, os.umask(0o22), gc.isenabled(), gc.get_threshold(),
    gc.get_freeze_count(),
    [finder.__class__.__name__ for finder in sys.meta_path if finder.__class__.__name__ != "_Recorder"],
    sorted(name for name in sys.modules if "devbox" in name or "customize" in name),
    sorted(path for path in sys.path_importer_cache if "hook" in path), sorted(globals()),
    sorted(os.readlink("/proc/self/fd/0") if name == "0" else name for name in os.listdir("/proc/self/fd")),
    len(os.listdir("/proc/self/task")), sys.stdin.read(), [str(error) for error in sys.exc_info()],
    hasattr(sys, "last_value"), __name__,
]))
"""


@dataclass(frozen=True)
class Run:
    """How a process ended, and what it wrote besides the hook's own lines, of which `said` is the last."""

    status: int
    said: wire.Ready | wire.NotReady | None
    output: str
    errors: str


@dataclass(frozen=True)
class Place:
    """A folder with an application, installed packages, and the hook."""

    root: Path
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def hook(self) -> Path:
        return self.root / "hook"

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def cold(self, *arguments: str) -> Run:
        return ended(self.begin((self.python, *arguments), subprocess.DEVNULL), b"")

    def warm(self, *arguments: str, wanted: wire.Orders | None = None, go: bytes | None = None) -> Run:
        """Runs to the end, told to go at once; `go` b"" leaves it without."""
        told = wire.orders(wanted or wire.Orders()) + (wire.go((), {}) if go is None else go)
        return ended(self.begin((self.python, *arguments), subprocess.PIPE), told)

    def begin(self, command: tuple[str, ...], stdin: int) -> subprocess.Popen[bytes]:
        """Begins a process: with a pipe to its standard input it is a standby."""
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.root), **self.environment}
        if stdin == subprocess.PIPE:
            shutil.rmtree(self.hook, ignore_errors=True)
            shutil.copytree(HOOK, self.hook, ignore=shutil.ignore_patterns("__pycache__"))
            path = variables.get("PYTHONPATH")
            variables["PYTHONPATH"] = str(self.hook) if path is None else f"{self.hook}:{path}"
        return subprocess.Popen(
            (*ALONE, "sh", "-c", _OWN_MEMORY, "sh", *command),
            cwd=self.root,
            env=variables,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def ended(process: subprocess.Popen[bytes], told: bytes) -> Run:
    with process:
        try:
            output, errors = process.communicate(told or None, timeout=_BOUND)
        finally:
            process.kill()
    lines = output.decode().splitlines(keepends=True)
    said = [line for line in lines if line.startswith(wire.MARKER)]
    rest = "".join(line for line in lines if line not in said)
    return Run(process.returncode, wire.read(said[-1]) if said else None, rest, errors.decode())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "lib/site-packages").mkdir(parents=True)
    return Place(tmp_path, environment={"PYTHONPATH": str(tmp_path / "lib/site-packages")})


@pytest.fixture(scope="session")
def interpreters() -> tuple[str, ...]:
    """Every interpreter of this machine that the hook is made for."""
    versions = [f"3.{minor}" for minor in range(8, 16)]
    # pyenv's own names for them run only those that a project has chosen.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    chosen = [str(path) for version in versions for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
    named = [path for version in versions if (path := shutil.which(f"python{version}"))]
    found = dict.fromkeys([sys.executable])
    for path in (*chosen, *named):
        asked = subprocess.run((path, "-c", "print(1)"), capture_output=True, check=False)
        if asked.returncode == 0:
            found[path] = None
    return tuple(found)


@pytest.mark.parametrize(
    "arguments", [("app.py", "-x", "é"), ("-m", "app"), ("-uW", "ignore", "-m", "app", "y")]
)
@pytest.mark.parametrize("path", [None, "", ":/nowhere", "lib/site-packages"])
def test_an_application_is_begun_as_in_a_cold_start(
    tmp_path: Path, arguments: tuple[str, ...], path: str | None, interpreters: tuple[str, ...]
) -> None:
    for python in interpreters:
        place = Place(tmp_path, python, {} if path is None else {"PYTHONPATH": path})
        place.write({"app.py": _TELL})
        cold, warm = (
            place.cold(*arguments),
            place.warm(*arguments, wanted=wire.Orders(("email.message", "html"))),
        )
        assert isinstance(warm.said, wire.Ready), (python, warm)
        assert json.loads(warm.output) == json.loads(cold.output), python
        assert (warm.status, warm.errors) == (cold.status, cold.errors), python
        assert not place.hook.exists()
        assert warm.said.removed


@pytest.mark.parametrize("arguments", [("app.py",), ("-m", "app"), ("-c", "import app")])
def test_a_traceback_is_the_same_byte_for_byte(
    tmp_path: Path, arguments: tuple[str, ...], interpreters: tuple[str, ...]
) -> None:
    text = "import decoy_of_nobody\n" if arguments[0] == "-c" else "def f():\n    return 1 / 0\nf()\n"
    for python in interpreters:
        place = Place(tmp_path, python)
        place.write({"app.py": text})
        cold, warm = place.cold(*arguments), place.warm(*arguments, wanted=wire.Orders(("json",)))
        assert (warm.status, warm.output, warm.errors) == (cold.status, cold.output, cold.errors)
        assert cold.status == 1


def test_what_it_is_given_is_there_before_the_application_is(place: Place) -> None:
    place.write({"app.py": "import new; print(new.X, open('data').read())", "old/deep/x": "", "data": "old"})
    root = str(place.root)
    stamp = 1_600_000_000_123_456_789
    files = (
        StagedFile(StagedPath(f"{root}/old", None)),
        StagedFile(StagedPath(f"{root}/new.py", Kind.FILE, "", 0o640, "7:8"), b"X = 'fresh'\n", stamp),
        StagedFile(StagedPath(f"{root}/data", Kind.SYMLINK), b"a/b\xff/c"),
        StagedFile(
            StagedPath(os.fsdecode(os.fsencode(root) + b"/a/b\xff/c"), Kind.FILE, "", 0o644), b"new" * 10**6
        ),
        StagedFile(StagedPath(f"{root}/folder", Kind.DIRECTORY, "", 0o750)),
    )
    owners = {"7:8": (7, 8) if os.geteuid() == 0 else (0, 0)}
    run = place.warm("app.py", wanted=wire.Orders(("json",)), go=wire.go(files, owners))
    assert (run.status, run.output) == (0, f"fresh {'new' * 10**6}\n"), run.errors
    status = (place.root / "new.py").stat()
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o640, stamp)
    assert os.geteuid() != 0 or (status.st_uid, status.st_gid) == (7, 8)
    assert (place.root / "folder").stat().st_mode & 0o7777 == 0o750
    assert not (place.root / "old").exists()
    left = {path.name for path in place.root.iterdir()} - {"__pycache__"}
    assert left == {"a", "app.py", "data", "folder", "lib", "new.py"}


def test_it_ends_in_silence_when_whoever_made_it_is_gone(place: Place) -> None:
    place.write({"app.py": "print('never')"})
    cut = wire.go((StagedFile(StagedPath("/tmp/x", Kind.FILE, "", 0o644), b"cut off"),), {})[:-3]
    for go in (b"", b'{"go":', cut.replace(b"/tmp/x", os.fsencode(place.root / "y"))):
        run = place.warm("app.py", go=go)
        assert (run.status, run.output, run.errors) == (0, "", "")


def test_a_process_that_is_not_the_application_only_steps_aside(place: Place) -> None:
    place.write({"app.py": _TELL})
    # One of the application's grandchildren: neither process 1 nor a child of it.
    inner = 'python=$0; "$python" app.py; true'
    begin = ("sh", "-c", 'sh -c "$1" "$0"; true', place.python, inner)
    cold = ended(place.begin(begin, subprocess.DEVNULL), b"")
    warm = ended(place.begin(begin, subprocess.PIPE), wire.orders(wire.Orders()))
    assert warm.said is None
    assert json.loads(warm.output)[:7] == json.loads(cold.output)[:7]
    assert (place.hook / "sitecustomize.py").exists()


def test_another_sitecustomize_has_its_turn_and_stays(place: Place) -> None:
    place.write({"lib/site-packages/sitecustomize.py": "import sys; sys.own = 'ran'", "app.py": _TELL})
    place.write({"app.py": _TELL + "\nprint(sys.own, sys.modules['sitecustomize'].__file__)"})
    cold, warm = place.cold("app.py"), place.warm("app.py")
    assert warm.output == cold.output
    assert "ran" in warm.output


def test_what_the_application_loads_is_noted_and_no_finder_is_passed_over(
    tmp_path: Path, interpreters: tuple[str, ...]
) -> None:
    text = """
import sys
import mine
recorder = sys.meta_path[0]
import importlib.metadata
list(importlib.metadata.distributions())
recorder._until = 0
__import__(next(name for name in sys.builtin_module_names if name not in sys.modules))
print(type(recorder).__name__, recorder in sys.meta_path)
print("mine" in open("/dev/shm/devbox-modules").read().split())
"""
    for python in interpreters:
        place = Place(tmp_path, python)
        place.write({"app.py": text, "mine.py": ""})
        run = place.warm("app.py")
        assert run.output == "_Recorder False\nTrue\n", run.errors


@pytest.mark.skipif(importlib.util.find_spec("uvicorn") is None, reason="of the group bench")
def test_uvicorn_answers_as_ever(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(
        {
            "app.py": "async def app(scope, receive, send):\n"
            "    if scope['type'] != 'http': return\n"
            "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
            "    await send({'type': 'http.response.body', 'body': scope['path'].encode()})\n"
        }
    )
    process = place.begin((place.python, "-m", "uvicorn", "app:app", "--uds", "s"), subprocess.PIPE)
    assert process.stdin
    try:
        process.stdin.write(wire.orders(wire.Orders(("uvicorn.main", "uvicorn.server"))) + wire.go((), {}))
        process.stdin.flush()
        assert _answer(tmp_path / "s", "/hello") == b"/hello"
    finally:
        # unshare lets SIGTERM pass by.
        process.kill()
        process.communicate(timeout=_BOUND)


def _answer(path: Path, target: str) -> bytes:
    end = time.monotonic() + _BOUND
    while True:
        connection = http.client.HTTPConnection("x", timeout=_BOUND)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(path))
            connection.request("GET", target)
            return connection.getresponse().read()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)
        finally:
            connection.close()


def test_log_records_count_from_the_application_s_start(place: Place) -> None:
    place.write({"app.py": "import logging; print(logging.makeLogRecord({}).relativeCreated < 1000)"})
    standby = place.begin((place.python, "app.py"), subprocess.PIPE)
    assert standby.stdin is not None
    standby.stdin.write(wire.orders(wire.Orders(("logging",))))
    standby.stdin.flush()
    time.sleep(1.5)
    assert ended(standby, wire.go((), {})).output == "True\n"
