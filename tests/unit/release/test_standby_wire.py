"""What devbox and the hook of a standby say to each other, and what is read from a running application."""

from __future__ import annotations

import json

import pytest

from devbox.model import Cold, Kind, StagedFile, StagedPath
from devbox.release.standby import wire
from devbox.release.standby.command import Launch, launch


def test_the_hook_comes_first_on_the_module_path_and_goes_again() -> None:
    assert wire.environment({"A": "b"}) == {"A": "b", "PYTHONPATH": "/.devbox-standby"}
    assert wire.environment({"PYTHONPATH": "/code"}) == {"PYTHONPATH": "/.devbox-standby:/code"}
    assert wire.without_hook({"PYTHONPATH": "/.devbox-standby:/code"}) == {"PYTHONPATH": "/code"}
    assert wire.without_hook({"PYTHONPATH": "/.devbox-standby"}) == {}
    assert wire.environment(wire.environment({"PYTHONPATH": "/code"})) == {
        "PYTHONPATH": "/.devbox-standby:/code"
    }


def test_go_is_one_line_and_the_contents_behind_it() -> None:
    files = (
        StagedFile(StagedPath("/gone", None)),
        StagedFile(StagedPath("/a", Kind.FILE, "a", 0o644, "app"), b"x\ny", 7),
        StagedFile(StagedPath("/b", Kind.SYMLINK, "b"), b"na\xffme"),
    )
    line, _, rest = wire.go(files, {"app": (1, 2)}).partition(b"\n")
    gone, file, link = json.loads(line)["go"]
    assert rest == b"x\ny"
    assert gone["kind"] is None
    assert (file["kind"], file["size"], file["uid"], file["gid"], file["stamp"]) == ("file", 3, 1, 2, 7)
    assert (link["kind"], link["size"], link["link"]) == ("symlink", 0, "na\udcffme")


def test_what_the_hook_says() -> None:
    ready = {"seconds": 0.5, "modules": 3, "owners": {"app": [1, 2]}, "uid": 0, "removed": True}
    assert wire.read(wire.MARKER + json.dumps({"ready": ready})) == wire.Ready(
        0.5, 3, {"app": (1, 2)}, 0, True
    )
    refused = {"refused": "it started a thread", "offender": "grpc"}
    assert wire.read(wire.MARKER + json.dumps(refused)) == wire.NotReady("it started a thread", "grpc")
    assert wire.read("INFO: hello") is None


def look(
    argv: tuple[str, ...],
    *,
    environ: tuple[str, ...] = ("PATH=/bin",),
    exe: str = "/usr/bin/python3.13",
    children: int = 1,
    faults: int = 0,
    changed: str = "",
) -> str:
    strings = ("\0".join(argv) + "\0", "\0".join(environ) + "\0")
    parts = (f"{children} {faults}", *strings, f"{exe}\n", "/code\n", "abc\n", changed)
    return "\n--devbox--\n".join(parts)


UVICORN = ("/usr/bin/python3", "/usr/local/bin/uvicorn", "app.main:app")


def test_a_script_of_the_image_is_begun_as_it_runs() -> None:
    environ = ("PATH=/bin", "HOSTNAME=abc", "A=b=c", "PYTHONPATH=/.devbox-standby")
    assert launch(look(UVICORN, environ=environ), ("uvicorn", "app.main:app")) == Launch(
        UVICORN, {"PATH": "/bin", "A": "b=c"}, "/code", script=False
    )


@pytest.mark.parametrize(
    ("argv", "command", "script"),
    [
        (("python", "server.py"), ("python", "server.py"), False),
        (("python3", "-m", "flask", "run"), ("python3", "-m", "flask", "run"), False),
        (UVICORN, ("/bin/sh", "-c", "uvicorn app.main:app"), True),
        (UVICORN, ("/entrypoint.sh", "uvicorn", "app.main:app"), True),
    ],
)
def test_what_stands_before_the_application(
    argv: tuple[str, ...], command: tuple[str, ...], script: bool
) -> None:
    found = launch(look(argv), command)
    assert isinstance(found, Launch)
    assert found.script is script


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (look(("granian", "app:app"), exe="/usr/bin/granian"), "the application is no Python program"),
        (look(("gunicorn: master [app]",)), "the application is no Python program"),
        (
            look(("/bin/sh", "-c", "python main.py"), exe="/usr/bin/dash"),
            "a shell stands before the application: write CMD as a list, or `exec` in front of it",
        ),
        (look(UVICORN, children=2), "several programs run in its container"),
        (look(UVICORN, faults=9), "its entrypoint runs other programs first"),
        (look(("python", "-I", "server.py")), "its interpreter is told to ignore the environment"),
        (look(("python", "-uE", "-m", "x")), "its interpreter is told to ignore the environment"),
        ("sh: not found", "its container cannot be looked into"),
    ],
)
def test_what_no_standby_can_be_made_of(text: str, reason: str) -> None:
    assert launch(text, ("/entrypoint.sh",)) == Cold(reason)


def test_options_of_the_program_are_not_the_interpreter_s() -> None:
    for argv in (("python", "-m", "x", "-I"), ("python", "-W", "E", "x.py"), ("python", "x.py", "-E")):
        assert isinstance(launch(look(argv), argv), Launch)
