"""The hook of a devbox standby: runs inside the container, at the start of the application's interpreter.

`site` imports it before the main program. In the application's own process it loads modules, says so, waits
for a line on standard input, puts changed files in place and takes every trace of itself away; then the
interpreter goes on as in any other start. In any other process it only steps aside. Python 3.8 and newer, no
dependencies; nothing is imported before the user's own sitecustomize had its turn.
"""

import os
import sys
import time

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_MARKER = "devbox-standby: "
_RECORDED = "/dev/shm/devbox-modules"
_RECORD_SECONDS = 10.0


class _Recorder:
    """Notes the names of modules that the application loads in its first seconds; finds none itself."""

    # The functions of this moment: the application may patch them.
    _now, _open, _write, _close = time.monotonic, os.open, os.write, os.close
    _how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

    def __init__(self):
        self._until = time.monotonic() + _RECORD_SECONDS

    def find_spec(self, name, path=None, target=None):
        cls = _Recorder
        try:
            if cls._now() < self._until:
                file = cls._open(_RECORDED, cls._how, 0o644)
                try:
                    cls._write(file, name.encode("utf-8", "surrogateescape") + b"\n")
                finally:
                    cls._close(file)
                return None
        except Exception:
            pass
        # A new list: whoever goes through the old one at this moment would skip the finder behind this one.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
        return None


def _give_up(error):
    """Ends the process, whatever happens: without a "go" the application must not begin."""
    try:
        offender = getattr(error, "offender", None)
        reason = str(error) if offender is not None else "%s: %s" % (type(error).__name__, error)
        parts = ['"refused": "%s"' % _plain(reason)]
        if offender:
            parts.append('"offender": "%s"' % _plain(offender))
        os.write(1, ("%s{%s}\n" % (_MARKER, ", ".join(parts))).encode("ascii"))
    finally:
        os._exit(3)


def _plain(text):
    # By hand: the application may have a json of its own, and that may be why.
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "?" for sign in text)


def _step_aside():
    """Leaves no trace on the module path and in the environment."""
    own, more, rest = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    place = sys.path.index(_DIRECTORY) if _DIRECTORY in sys.path else None
    if own == _DIRECTORY and more:
        os.environ["PYTHONPATH"] = rest
        if not rest and place is not None:
            # An empty PYTHONPATH adds nothing; an empty entry behind ours did, the working directory.
            del sys.path[place + 1]
    elif own == _DIRECTORY:
        del os.environ["PYTHONPATH"]
    if place is not None:
        del sys.path[place]
    sys.path_importer_cache.pop(_DIRECTORY, None)


def _run_the_next_one():
    """Whether there is another sitecustomize, the user's or the distribution's, which has run then."""
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        return False
    finally:
        # The import system wants to find something there once this module has run.
        sys.modules.setdefault("sitecustomize", ours)
    return True


def _remove_own_files():
    try:
        # Somewhere else with PYTHONPYCACHEPREFIX.
        cached = globals().get("__cached__")
        if cached and os.path.exists(cached):
            os.remove(cached)
        for folder, _, names in os.walk(_DIRECTORY, topdown=False):
            for name in names:
                os.remove(os.path.join(folder, name))
            os.rmdir(folder)
    except OSError:
        return False
    return not os.path.lexists(_DIRECTORY)


def _helpers():
    """The other two files of the hook, taken out of the loaded modules again."""
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    import devbox_preload
    import devbox_stage

    sys.dont_write_bytecode = bytecode
    del sys.modules["devbox_preload"], sys.modules["devbox_stage"]
    return devbox_preload, devbox_stage


def _stand_by(at_start):
    """Returns as `_run_the_next_one` once the application may begin."""
    preload, stage = _helpers()
    _step_aside()
    removed = _remove_own_files()
    chained = _run_the_next_one()
    source = stage.Input()
    orders = source.line()
    owners = {owner: stage.ids(owner) for owner in orders["owners"]}
    began = time.monotonic()
    loaded = preload.Loaded(at_start)
    failed = loaded.load(orders["modules"])
    loaded.refuse_what_is_hidden()
    ready = {
        "seconds": round(time.monotonic() - began, 4),
        "modules": len(sys.modules),
        "failed": failed,
        "owners": owners,
        "uid": os.getuid(),
        "removed": removed,
    }
    stage.say(_MARKER, {"ready": ready})
    paths = source.line()["go"]
    loaded.refuse([path["target"] for path in paths])
    stage.put(paths, source)
    loaded.refuse_what_is_hidden()
    # What an application finds there that nobody attached anything to.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for finder in sys.meta_path:
        if hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()
    loaded.restart_clock()
    sys.meta_path.insert(0, _Recorder())
    return chained


def _begin(at_start):
    # A process that `docker exec` starts has no parent in here; docker-init, where there is one, is 1.
    if os.getpid() != 1 and os.getppid() != 1:
        _step_aside()
        return _run_the_next_one()
    try:
        return _stand_by(at_start)
    except BaseException as error:
        _give_up(error)


if not _begin(frozenset(sys.modules)):
    # What `site` takes for there being none. The import system forgets a module that raises, so that it is
    # found among the loaded ones no more than in any other start.
    raise ImportError("no sitecustomize but the hook", name="sitecustomize")
