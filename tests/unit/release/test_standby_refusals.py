"""When the hook of a standby gives up, and what it says: no application begins that was not told to go."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from devbox.model import Kind, StagedFile, StagedPath
from devbox.release.standby import wire
from tests.unit.release.test_standby_hook import HOOK, Place, Run, ended, place

__all__ = ["place"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it runs in Linux containers only")

_LIBRARY = "lib/site-packages"


def refused(run: Run) -> wire.NotReady:
    """What it said when it gave up, and nothing of the application was begun."""
    assert isinstance(run.said, wire.NotReady), run
    assert (run.status, run.output) == (3, "")
    return run.said


def going(*targets: str, kind: Kind | None = Kind.FILE) -> bytes:
    return wire.go([StagedFile(StagedPath(target, kind, "", 0o755)) for target in targets], {})


@pytest.mark.parametrize(
    ("culprit", "why"),
    [
        (
            "import threading as t, time; t.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "started a thread",
        ),
        ("import socket; s = socket.socket()", "opened a socket"),
        ("import subprocess; p = subprocess.Popen(['sleep', '9'])", "started a process"),
        ("import signal; signal.signal(signal.SIGTERM, lambda *_: None)", "took a signal"),
        ("import os; os.environ['SEEN'] = '1'", "changed the environment"),
        ("import os; os.chdir('/')", "changed the working directory"),
        ("import os; os.umask(0o77)", "changed the umask"),
        ("import time; time.sleep = print", "patches others"),
        (
            "import builtins; builtins.__import__ = lambda *a, f=builtins.__import__, **k: f(*a, **k)",
            "patches others",
        ),
        ("import sys; sys.stdout = sys.stderr", "replaced a standard stream"),
        ("import sys; sys.excepthook = print", "watches the interpreter"),
        ("import sys; sys.path.insert(0, '/nowhere')", "changed the module path"),
    ],
)
def test_a_module_that_does_more_than_being_loaded_is_named(place: Place, culprit: str, why: str) -> None:
    place.write({f"{_LIBRARY}/culprit.py": culprit, "app.py": "print('begun')"})
    said = refused(place.warm("app.py", wanted=wire.Orders(("html", "culprit", "email.message"))))
    assert said == wire.NotReady(f"it {why}", "culprit")


def test_a_module_that_loads_the_project_is_named(place: Place) -> None:
    place.write({f"{_LIBRARY}/plugin.py": "import mine", "code/mine.py": "", "app.py": ""})
    place.environment["PYTHONPATH"] += f":{place.root}/code"
    said = refused(place.warm("app.py", wanted=wire.Orders(("plugin", "mine"))))
    assert said == wire.NotReady(f"it loaded {place.root}/code/mine.py", "plugin")


def test_what_cannot_be_loaded_is_left_to_the_application(place: Place) -> None:
    place.write(
        {
            f"{_LIBRARY}/broken.py": "raise SystemExit('no')",
            "mine.py": "",
            "app.py": "import sys\nprint([name in sys.modules for name in ('broken', 'mine', 'html')])",
        }
    )
    run = place.warm("app.py", wanted=wire.Orders(("broken", "mine", "none.at.all", "html", "html.none")))
    assert isinstance(run.said, wire.Ready)
    assert (run.said.failed, run.output) == ({"broken": "SystemExit: no"}, "[False, False, True]\n")


def test_a_from_import_loads_what_the_statement_would(place: Place) -> None:
    place.write(
        {
            f"{_LIBRARY}/pack/__init__.py": "def run(): return 'a function'",
            f"{_LIBRARY}/pack/run.py": "",
            f"{_LIBRARY}/pack/part.py": "",
            "app.py": "import sys\nfrom pack import run\nprint(run(), 'pack.part' in sys.modules)",
        }
    )
    run = place.warm("app.py", wanted=wire.Orders(("pack", "pack:run", "pack:part")))
    assert run.output == "a function True\n"


def test_what_is_loaded_cannot_become_something_else(place: Place) -> None:
    place.write(
        {f"{_LIBRARY}/pack/__init__.py": "", f"{_LIBRARY}/pack/part.py": "", "app.py": "print('begun')"}
    )
    (place.root / "link").symlink_to(place.root / "lib")
    loaded = wire.Orders(("pack.part",))
    for target in (f"{place.root}/{_LIBRARY}/pack/part.py", f"{place.root}/link/site-packages/pack/part.py"):
        said = refused(place.warm("app.py", wanted=loaded, go=going(target)))
        assert said == wire.NotReady(f"{target} is loaded already")
    folder = f"{place.root}/{_LIBRARY}/pack"
    assert refused(place.warm("app.py", wanted=loaded, go=going(folder, kind=None))).reason.endswith(
        "already"
    )
    other = f"{place.root}/{_LIBRARY}/other.py"
    assert (
        refused(place.warm("app.py", go=going(other))).reason == f"{other} lies among the installed packages"
    )


@pytest.mark.parametrize("name", ["sitecustomize.py", "usercustomize.py", "x.pth", "pyvenv.cfg"])
def test_what_changes_an_interpreter_s_start_comes_too_late(place: Place, name: str) -> None:
    place.write({"app.py": "print('begun')"})
    target = f"{place.root}/{name}"
    said = refused(place.warm("app.py", go=going(target)))
    assert said.reason == f"{target} changes how the interpreter starts"


@pytest.mark.parametrize("arguments", [("app.py",), ("-m", "app"), ("sub/app.py",)])
def test_a_module_of_the_project_s_own_is_not_taken_from_it(place: Place, arguments: tuple[str, ...]) -> None:
    folder = place.root / ("sub" if arguments == ("sub/app.py",) else "")
    place.write({"app.py": "print('begun')", "sub/app.py": "print('begun')"})
    own = str(folder / "html.py")
    loading = wire.Orders(("html",))
    assert refused(place.warm(*arguments, wanted=loading, go=going(own))).reason.startswith(own)
    assert (
        refused(place.warm(*arguments, wanted=loading)).reason
        == f"{own} hides a module that is loaded already"
    )
    # A package's own module of that name hides nothing.
    Path(own).rename(place.root / "sub2.py")
    place.write({"pack/__init__.py": "", "pack/html.py": ""})
    assert place.warm(*arguments, "pack", "pack/html.py", wanted=loading).output == "begun\n"


def test_nothing_goes_on_after_a_mistake(place: Place) -> None:
    place.write({"app.py": "print('begun')", "code/json.py": "raise RuntimeError('mine')"})
    for go in (b"not json\n", b'{"gone": 1}\n', going("/proc/none/of/it")):
        assert ": " in refused(place.warm("app.py", go=go)).reason
    place.environment["PYTHONPATH"] = f"{place.root}/code"
    assert refused(place.warm("app.py")) == wire.NotReady("RuntimeError: mine")


def test_nothing_is_loaded_before_gunicorn_s_worker_patches(place: Place) -> None:
    place.write({"app.py": "import sys\nprint('html' in sys.modules)"})
    place.environment["GUNICORN_CMD_ARGS"] = "--worker-class=gevent"
    assert place.warm("app.py", wanted=wire.Orders(("html",))).output == "False\n"


def test_owners_are_found_as_buildkit_finds_them(place: Place) -> None:
    place.write({"app.py": ""})
    owners = ("root", "55", "55:66", "daemon", "daemon:0", "7:daemon", "root:root")
    run = place.warm("app.py", wanted=wire.Orders(owners=owners))
    assert isinstance(run.said, wire.Ready)
    assert dict(run.said.owners) == {
        "root": (0, 0),
        "55": (55, 55),
        "55:66": (55, 66),
        "daemon": (1, 1),
        "daemon:0": (1, 0),
        "7:daemon": (7, 1),
        "root:root": (0, 0),
    }
    said = refused(place.warm("app.py", wanted=wire.Orders(owners=("nobody-at-all:root",))))
    assert said.reason == "the image does not know the owner nobody-at-all:root"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can begin it as somebody else")
def test_somebody_else_than_root_leaves_the_files_to_the_daemon() -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    assert python
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        code = "import os, sys; print(os.getuid(), sys.path[1:2], os.environ.get('PYTHONPATH'))"
        as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", code)
        process = Place(Path(folder)).begin(as_nobody, subprocess.PIPE)
        run = ended(process, wire.orders(wire.Orders(("html",))) + wire.go((), {}))
    assert isinstance(run.said, wire.Ready), run
    assert (run.said.uid, run.said.removed) == (65534, False)
    assert run.output.startswith("65534 ")
    assert "hook" not in run.output


def test_the_hook_is_python_3_8() -> None:
    for path in HOOK.glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    "looks", ["import extra_settings", "assert importlib.util.find_spec('extra_settings')"]
)
def test_what_looks_for_a_module_of_the_application_is_loaded_by_the_application(
    place: Place, looks: str
) -> None:
    text = (
        f"import importlib.util\ntry:\n    {looks}\n    found = True\nexcept Exception:\n    found = False\n"
    )
    place.write(
        {"lib/site-packages/plugged.py": text, "app.py": "import plugged; print(plugged.found)", "org.py": ""}
    )
    # The application's own module among them is nothing that was looked for in vain.
    wanted = wire.Orders(("app", "pickle", "plugged"))
    assert place.warm("app.py", wanted=wanted).output == place.cold("app.py").output == "False\n"
    late = StagedFile(StagedPath(f"{place.root}/extra_settings.py", Kind.FILE, "", 0o644), b"")
    owners = {"": (os.geteuid(), os.getegid())}
    for go in (wire.go((late,), owners), None):
        refused = place.warm("app.py", wanted=wanted, go=go).said
        assert isinstance(refused, wire.NotReady), refused
        assert refused.offender == "plugged"
    assert place.cold("app.py").output == "True\n"


@pytest.mark.parametrize(
    "how", ["open('conf/settings.json')", "io.open(os.open(b'conf/settings.json', os.O_RDONLY))"]
)
def test_what_opens_a_file_that_changes_is_loaded_by_the_application(place: Place, how: str) -> None:
    text = f"import io, json, os\nwith {how} as file:\n    value = json.load(file)\n"
    files = {"lib/site-packages/reader.py": text, "conf/settings.json": '"old"'}
    place.write({**files, "app.py": "import reader; print(reader.value)"})
    wanted = wire.Orders(("reader",))
    assert place.warm("app.py", wanted=wanted).output == "old\n"
    owners = {"": (os.geteuid(), os.getegid())}
    changed = StagedFile(StagedPath(f"{place.root}/conf/settings.json", Kind.FILE, "", 0o644), b'"new"')
    gone = StagedFile(StagedPath(f"{place.root}/conf", None), b"")
    beside = StagedFile(StagedPath(f"{place.root}/conf/settings.toml", Kind.FILE, "", 0o644), b"")
    for staged in (changed, gone):
        refused = place.warm("app.py", wanted=wanted, go=wire.go((staged,), owners)).said
        assert isinstance(refused, wire.NotReady), refused
        assert (refused.reason, refused.offender) == (f"it opened {place.root}/conf/settings.json", "reader")
    assert place.warm("app.py", wanted=wanted, go=wire.go((beside,), owners)).output == "old\n"


def test_what_warns_is_loaded_by_the_application(place: Place) -> None:
    warns = "import warnings\nwarnings.warn('too old', {})\n"
    place.write(
        {
            "lib/site-packages/loud.py": warns.format("FutureWarning"),
            "lib/site-packages/quiet.py": warns.format("DeprecationWarning"),
            "app.py": "import loud, quiet\n",
        }
    )
    refused = place.warm("app.py", wanted=wire.Orders(("quiet", "loud"))).said
    assert isinstance(refused, wire.NotReady), refused
    assert (refused.reason, refused.offender) == ("it warns: too old", "loud")
    run = place.warm("app.py", wanted=wire.Orders(("quiet",)))
    assert run.errors == place.cold("app.py").errors
    assert "FutureWarning: too old" in run.errors
