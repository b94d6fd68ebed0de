"""The hook of a devbox standby: runs inside the container, at the start of the application's interpreter.

`site` imports it before the main program. In the application's own process it loads modules, says so, waits
for a line on standard input, puts changed files in place and takes every trace of itself away; then the
interpreter goes on as in any other start. In any other process it only steps aside. Python 3.8 and newer,
no dependencies; what it imports itself every interpreter has loaded anyway, or nothing patches.
"""

import json
import os
import sys
import time

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_MARKER = "devbox-standby: "
_RECORDED = "/dev/shm/devbox-modules"
_RECORD_SECONDS = 10.0
_SIGNALS = (1, 2, 3, 10, 12, 13, 15, 17)


class _GiveUp(Exception):
    def __init__(self, reason, offender=""):
        Exception.__init__(self, reason)
        self.offender = offender


class _Recorder:
    """Notes the names of modules that the application loads in its first seconds; finds none itself."""

    def __init__(self, leftover):
        self._leftover = leftover
        self._until = time.monotonic() + _RECORD_SECONDS

    def find_spec(self, name, path=None, target=None):
        # The import system wants to find the hook in there until the hook has returned.
        if sys.modules.get("sitecustomize") is self._leftover:
            del sys.modules["sitecustomize"]
        if time.monotonic() < self._until:
            try:
                with open(_RECORDED, "ab") as file:
                    file.write(name.encode() + b"\n")
                return
            except OSError:
                pass
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        return


class _Input:
    """Standard input, read without the interpreter's own buffers."""

    def __init__(self):
        self._rest = b""

    def line(self):
        while b"\n" not in self._rest:
            self._more()
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line.decode("ascii"))

    def exactly(self, size):
        while len(self._rest) < size:
            self._more()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _more(self):
        data = os.read(0, 1 << 20)
        if not data:
            # Whoever made this standby is gone.
            os._exit(0)
        self._rest += data


def _say(what):
    line = (_MARKER + json.dumps(what) + "\n").encode("ascii")
    while line:
        line = line[os.write(1, line) :]


def _step_aside():
    """Leaves no trace on the module path and in the environment."""
    path = os.environ.get("PYTHONPATH", "")
    if path == _DIRECTORY:
        del os.environ["PYTHONPATH"]
    elif path.startswith(_DIRECTORY + ":"):
        os.environ["PYTHONPATH"] = path[len(_DIRECTORY) + 1 :]
    sys.path[:] = [entry for entry in sys.path if entry != _DIRECTORY]
    sys.path_importer_cache.pop(_DIRECTORY, None)


def _run_the_next_one():
    """The user's own sitecustomize, or the distribution's, in the order of any other start."""
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", ours)


def _remove_own_files():
    try:
        for folder, _, names in os.walk(_DIRECTORY, topdown=False):
            for name in names:
                os.remove(os.path.join(folder, name))
            os.rmdir(folder)
    except OSError:
        return False
    return True


def _library():
    """The folders of the standard library and of installed packages."""
    found = {os.path.dirname(os.path.realpath(os.__file__))}
    found.update(os.path.realpath(path) for path in sys.path if path.endswith(("-packages", "lib-dynload")))
    return tuple(path + os.sep for path in found)


def _sockets():
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def _children():
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            return file.read().split()
    except OSError:
        return []


def _handlers():
    signal = sys.modules.get("_signal")
    if signal is None:
        import _signal as signal
    return [signal.getsignal(number) for number in _SIGNALS]


def _state():
    """What loading a module must leave alone."""
    import builtins

    umask = os.umask(0o022)
    os.umask(umask)
    gevent = sys.modules.get("gevent.monkey")
    return (
        ("started a thread", len(os.listdir("/proc/self/task"))),
        ("opened a socket", _sockets()),
        ("started a process", _children()),
        ("took a signal", _handlers()),
        ("changed the environment", dict(os.environ)),
        ("changed the working directory", os.getcwd()),
        ("changed the umask", umask),
        ("patches others", (builtins.__import__, time.sleep, os.fork, os.read, os.write)),
        ("patches others", bool(gevent is not None and getattr(gevent, "saved", None))),
        ("replaced a standard stream", (sys.stdin, sys.stdout, sys.stderr, sys.excepthook)),
    )


def _load(names):
    import importlib.util

    library = _library()
    known = set(sys.modules)
    before = _state()
    for name in names:
        if name in sys.modules or not _installed(importlib, name, library):
            continue
        try:
            importlib.import_module(name)
        except BaseException:
            # The application will meet it where it imports it, if it does.
            pass
        after = _state()
        for (reason, was), (_, now) in zip(before, after):
            if was != now:
                raise _GiveUp("it " + reason, name)
        for fresh in set(sys.modules) - known:
            known.add(fresh)
            origin = getattr(sys.modules[fresh], "__file__", None)
            if origin and not os.path.realpath(origin).startswith(library):
                raise _GiveUp("it loaded " + origin, name)


def _installed(importlib, name, library):
    """Whether a module's top level package is an installed one."""
    top = name.partition(".")[0]
    if top in sys.modules:
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin in ("built-in", "frozen"):
        return spec is not None
    places = list(spec.submodule_search_locations or [spec.origin])
    return all(os.path.realpath(place).startswith(library) for place in places)


def _ids(owner):
    """User and group of COPY --chown: names are looked up, a missing group is the user's number."""
    import grp
    import pwd

    user, _, group = owner.partition(":")
    if user.isdigit():
        uid = int(user)
        gid = uid
    else:
        entry = pwd.getpwnam(user)
        uid, gid = entry.pw_uid, entry.pw_gid
    if group:
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    return [uid, gid]


def _owners(names):
    found = {}
    for name in names:
        try:
            found[name] = _ids(name)
        except KeyError:
            raise _GiveUp("the image does not know the owner " + name)
    return found


def _remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _remove(os.path.join(path, name))
        os.rmdir(path)
    elif os.path.lexists(path):
        os.remove(path)


def _parents(path):
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _parents(parent)
        os.mkdir(parent, 0o755)
        os.chmod(parent, 0o755)


def _put(path, content):
    target, kind = path["target"], path["kind"]
    if kind is None:
        _remove(target)
        return
    _parents(target)
    if kind == "directory":
        if os.path.islink(target) or not os.path.isdir(target):
            _remove(target)
            os.mkdir(target)
        os.chown(target, path["uid"], path["gid"])
        os.chmod(target, path["mode"])
        return
    if os.path.isdir(target) and not os.path.islink(target):
        _remove(target)
    fresh = os.path.join(os.path.dirname(target), ".devbox-staged")
    if kind == "symlink":
        os.symlink(path["link"], fresh)
        os.lchown(fresh, path["uid"], path["gid"])
    else:
        with open(fresh, "wb") as file:
            file.write(content)
        os.chown(fresh, path["uid"], path["gid"])
        os.chmod(fresh, path["mode"])
        os.utime(fresh, (path["mtime"], path["mtime"]))
    os.replace(fresh, target)


def _refuse_what_is_loaded(paths):
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for path in paths:
        if path["target"] in loaded:
            raise _GiveUp(path["target"] + " is loaded already")


def _stand_by():
    ours = sys.modules["sitecustomize"]
    _step_aside()
    removed = _remove_own_files()
    _run_the_next_one()
    source = _Input()
    orders = source.line()
    owners = _owners(orders["owners"])
    began = time.monotonic()
    silent, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _load(orders["modules"])
    sys.dont_write_bytecode = silent
    _say(
        {
            "ready": {
                "seconds": round(time.monotonic() - began, 4),
                "modules": len(sys.modules),
                "owners": owners,
                "uid": os.getuid(),
                "removed": removed,
            }
        }
    )
    paths = source.line()["go"]
    _refuse_what_is_loaded(paths)
    umask = os.umask(0)
    for path in paths:
        _put(path, source.exactly(path["size"]))
    os.umask(umask)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    importlib = sys.modules.get("importlib")
    if importlib is not None:
        importlib.invalidate_caches()
    sys.meta_path.insert(0, _Recorder(ours))


def _begin():
    # A process that `docker exec` starts has no parent in here; docker-init, where there is one, is 1.
    if os.getpid() != 1 and os.getppid() != 1:
        _step_aside()
        _run_the_next_one()
        return
    try:
        _stand_by()
    except BaseException as error:
        reason = str(error) if isinstance(error, _GiveUp) else "%s: %s" % (type(error).__name__, error)
        _say({"refused": reason, "offender": getattr(error, "offender", "")})
        os._exit(3)


_begin()
