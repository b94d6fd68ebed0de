"""The part of the hook that loads modules, and makes sure that it did nothing but load them."""

import os
import sys
import time

from devbox_stage import Refused

_SIGNALS = (1, 2, 3, 10, 12, 13, 14, 15, 17)
_LIBRARY = ("site-packages", "dist-packages", "lib-dynload")
# They change how an interpreter starts, and this one has started.
_READ_AT_START = ("sitecustomize.py", "usercustomize.py", "pyvenv.cfg")


class _Asked:
    """Notes what modules ask of the world while they are loaded, and for the sake of which one: modules that
    are not there, and files that they open. Finds no module."""

    def __init__(self):
        self.modules = {}
        self.files = {}
        self.loading = ""
        self.warning = ""

    def find_spec(self, name, path=None, target=None):
        # `pickle` asks for Jython's org.python.core, and an application may well have an `org`.
        if path is None and name != "org":
            self.modules.setdefault(name, self.loading)
        return None

    def warned(self, message, *_, **__):
        """In the place of `warnings.showwarning`."""
        self.warning = self.warning or str(message)[:100]

    def hear(self, event, arguments):
        """An audit hook, which stays for good: there is no other way to learn what C code opens."""
        if not self.loading or event != "open" or not isinstance(arguments[0], (str, bytes)):
            return
        try:
            self.files.setdefault(os.path.abspath(os.fsdecode(arguments[0])), self.loading)
        except (OSError, ValueError):
            # Whoever opens it fails as well.
            return


class Loaded:
    """What this interpreter has loaded, and which files it comes from."""

    def __init__(self, at_start):
        self._at_start = at_start
        self._known = set(sys.modules)
        self._files = {}
        self._asked = _Asked()
        self._opened = {}
        folders = [os.path.dirname(os.__file__)] + [path for path in sys.path if path.endswith(_LIBRARY)]
        self._library = tuple({name + os.sep for path in folders for name in (path, os.path.realpath(path))})

    def load(self, names):
        """Loads what is installed of these, and returns why others could not be, by name.

        "a.b" is imported, "a:b" is what `from a import b` loads. Raises Refused naming the first module that
        does more than being loaded.
        """
        failed = {}
        if any(word in os.environ.get("GUNICORN_CMD_ARGS", "") for word in ("gevent", "eventlet")):
            # They patch what must not be loaded before.
            return failed
        bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        before = _state()
        import warnings

        shown, warnings.showwarning = warnings.showwarning, self._asked.warned
        sys.meta_path.append(self._asked)
        sys.addaudithook(self._asked.hear)
        for name in names:
            self._asked.loading = name
            module, _, attribute = name.partition(":")
            if not self._installed(module.partition(".")[0]):
                continue
            try:
                __import__(module, None, None, [attribute] if attribute else [])
            except BaseException as error:
                # The application will meet it where it imports it, if it does.
                if not (isinstance(error, ModuleNotFoundError) and error.name == module):
                    failed[name] = ("%s: %s" % (type(error).__name__, error))[:200]
            if self._asked.warning:
                # It is for the application to say, once it loads that module, if it ever does.
                raise Refused("it warns: " + self._asked.warning, name)
            _compare(before, _state(), name)
            self._look_at_new_ones(name)
        if warnings.showwarning == self._asked.warned:
            warnings.showwarning = shown
        self._asked.loading = ""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self._asked]
        sys.dont_write_bytecode = bytecode
        return failed

    def _look_at_new_ones(self, name):
        fresh = sys.modules.keys() - self._known
        self._known |= fresh
        for module in fresh:
            # Not getattr: a module may be an object that loads others when it is asked.
            file = getattr(sys.modules[module], "__dict__", {}).get("__file__")
            if isinstance(file, str) and not self._inside(file):
                raise Refused("it loaded " + file, name)

    def _inside(self, path):
        return path.startswith(self._library) or os.path.realpath(path).startswith(self._library)

    def _installed(self, top):
        """Whether a top level module is an installed one, or the interpreter's own."""
        spec = getattr(sys.modules.get(top), "__spec__", None)
        try:
            others = [finder for finder in sys.meta_path if finder is not self._asked]
            finders = (getattr(finder, "find_spec", None) for finder in others)
            spec = spec or next(filter(None, (find(top, None) for find in finders if find)), None)
        except Exception:
            return False
        if spec is None or spec.origin in ("built-in", "frozen"):
            return spec is not None
        places = list(spec.submodule_search_locations or [spec.origin])
        return all(isinstance(place, str) and self._inside(place) for place in places)

    def refuse_what_is_hidden(self):
        """Raises Refused where the application's own folder has a module that it would have got instead, or
        that an installed one looked for in vain while that folder was not yet on the module path."""
        mine = {name for name in sys.modules if "." not in name} - self._at_start
        mine.difference_update(sys.builtin_module_names)
        missed = self._asked.modules
        for folder in self._folders():
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            for name in names:
                stem, _, suffix = name.partition(".")
                if stem not in mine and stem not in missed:
                    continue
                place = os.path.join(folder, name)
                package = os.path.isfile(os.path.join(place, "__init__.py"))
                if package or (suffix and place.endswith((".py", ".so"))):
                    if stem not in mine:
                        raise Refused("it looked for %s, which is at %s" % (stem, place), missed[stem])
                    raise Refused("%s hides a module that is loaded already" % place)
        # Asked now, while nobody waits.
        self._files = {}
        for module in list(sys.modules.values()):
            file = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(file, str):
                self._files[file] = self._files[os.path.realpath(file)] = module
        opened = {os.path.realpath(file): module for file, module in self._asked.files.items()}
        self._opened = {file: module for file, module in opened.items() if not self._inside(file)}

    def restart_clock(self):
        """Log records tell their age since `logging` was loaded, which was long ago."""
        logging = sys.modules.get("logging")
        if "logging" not in self._at_start and hasattr(logging, "_startTime"):
            whole = isinstance(logging._startTime, int)
            logging._startTime = time.time_ns() if whole else time.time()

    def _folders(self):
        """The folders outside of the library in which the application looks for modules first."""
        argv = getattr(sys, "argv", [""])
        found = {os.getcwd(), *sys.path}
        for word in argv:
            for path in (word, word.partition("=")[2]):
                path = os.path.realpath(path) if path else path
                if os.path.isfile(path):
                    path = os.path.dirname(path)
                # What a server is to load is found in the folder that its package lies in.
                while word is not argv[0] and os.path.isfile(os.path.join(path, "__init__.py")):
                    path = os.path.dirname(path)
                if os.path.isdir(path):
                    found.add(path)
        return [path for path in found if not self._inside(os.path.join(path, ""))]

    def refuse(self, targets):
        """Raises Refused where one of these paths is, or brings, what is loaded already."""
        for target in targets:
            folder, name = os.path.split(target)
            real = os.path.join(os.path.realpath(folder), name)
            below = real + os.sep
            if real in self._files or any(file.startswith(below) for file in self._files):
                raise Refused(target + " is loaded already")
            for file in self._opened:
                if file == real or file.startswith(below):
                    raise Refused("it opened " + file, self._opened[file])
            if real.startswith(self._library):
                raise Refused(target + " lies among the installed packages")
            if name in _READ_AT_START or name.endswith((".pth", "._pth")):
                raise Refused(target + " changes how the interpreter starts")


def _compare(before, after, name):
    if before == after:
        return
    for why, was in before.items():
        if after[why] != was:
            raise Refused("it " + why, name)


def _state():
    """What loading a module must leave alone."""
    import _signal
    import _thread
    import builtins

    umask = os.umask(0o077)
    os.umask(umask)
    gevent = getattr(sys.modules.get("gevent.monkey"), "saved", None)
    eventlet = getattr(sys.modules.get("eventlet.patcher"), "already_patched", None)
    functions = (builtins.__import__, builtins.open, time.sleep, os.fork, os.read, os.write)
    return {
        "started a thread": len(os.listdir("/proc/self/task")),
        "opened a socket": _sockets(),
        "started a process": _children(),
        "took a signal": [_signal.getsignal(number) for number in _SIGNALS],
        "changed the environment": getattr(os.environ, "_data", os.environ).copy(),
        "changed the working directory": os.getcwd(),
        "changed the umask": umask,
        "patches others": (functions, _thread.start_new_thread, bool(gevent), bool(eventlet)),
        "replaced a standard stream": (sys.stdin, sys.stdout, sys.stderr),
        "watches the interpreter": (sys.excepthook, sys.gettrace(), sys.getprofile()),
        # What is added at the end comes behind the application's own folder in any case.
        "changed the module path": sys.path[:1],
    }


def _sockets():
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            # The descriptor that the folder was read with.
            continue
        if status.st_mode & 0o170000 == 0o140000:
            found.add(status.st_ino)
    return found


def _children():
    try:
        file = os.open("/proc/self/task/%d/children" % os.getpid(), os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)
