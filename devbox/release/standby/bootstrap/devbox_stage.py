"""The part of the hook that reads what it is told, and puts files in place as COPY would."""

import os


class Refused(Exception):
    """Why this standby is of no use; `offender` is the module that must not be loaded early, if any."""

    def __init__(self, reason, offender=""):
        Exception.__init__(self, reason)
        self.offender = offender


class Input:
    """Standard input, read without the interpreter's own buffers."""

    def __init__(self):
        self._rest = b""

    def line(self):
        import json

        while b"\n" not in self._rest:
            self._rest += self._more()
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line.decode("ascii"))

    def pieces(self, size):
        """The next `size` bytes, as they come in."""
        while size:
            piece = self._rest or self._more()
            piece, self._rest = piece[:size], piece[size:]
            size -= len(piece)
            yield piece

    def _more(self):
        data = os.read(0, 1 << 20)
        if not data:
            # Whoever made this standby is gone.
            os._exit(0)
        return data


def say(marker, what):
    """Writes one line to standard output, past the interpreter's own buffers."""
    import json

    line = (marker + json.dumps(what) + "\n").encode("ascii")
    while line:
        line = line[os.write(1, line) :]


def ids(owner):
    """User and group of COPY --chown as BuildKit finds them: the group of a number is that number."""
    user, _, group = owner.partition(":")
    uid = gid = _number(user)
    if uid is None:
        entry = _entry("/etc/passwd", user, owner)
        uid, gid = int(entry[2]), int(entry[3])
    if group:
        number = _number(group)
        gid = int(_entry("/etc/group", group, owner)[2]) if number is None else number
    return [uid, gid]


def _number(name):
    # BuildKit does not look up root.
    return 0 if name == "root" else int(name) if name.isdigit() else None


def _entry(path, name, owner):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.strip().split(":")
                if fields[0] == name:
                    return fields
    except OSError:
        pass
    raise Refused("the image does not know the owner " + owner)


def put(paths, source):
    """Makes each path what it is to be, in their order; the contents come from `source`, in that order too."""
    umask = os.umask(0)
    for path in paths:
        if path["kind"] is None:
            _remove(path["target"])
        elif path["kind"] == "directory":
            _put_directory(path)
        else:
            _put(path, source)
    os.umask(umask)


def _put_directory(path):
    target = path["target"]
    _make_parents(target)
    if os.path.islink(target) or not os.path.isdir(target):
        _remove(target)
        os.mkdir(target)
    _own(target, path)
    os.chmod(target, path["mode"])


def _put(path, source):
    target = path["target"]
    _make_parents(target)
    if os.path.isdir(target) and not os.path.islink(target):
        _remove(target)
    fresh = os.path.join(os.path.dirname(target), ".devbox-staged")
    if path["kind"] == "symlink":
        os.symlink(path["link"], fresh)
        _own(fresh, path)
    else:
        with open(fresh, "wb") as file:
            for piece in source.pieces(path["size"]):
                file.write(piece)
        _own(fresh, path)
        # After the owner: changing that clears set-user-ID.
        os.chmod(fresh, path["mode"])
        os.utime(fresh, ns=(path["stamp"], path["stamp"]))
    os.replace(fresh, target)


def _own(path, wanted):
    now = os.lstat(path)
    # A root without CAP_CHOWN may still write what is its own.
    if (now.st_uid, now.st_gid) != (wanted["uid"], wanted["gid"]):
        os.lchown(path, wanted["uid"], wanted["gid"])


def _make_parents(path):
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _make_parents(parent)
        os.mkdir(parent, 0o755)


def _remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _remove(os.path.join(path, name))
        os.rmdir(path)
    elif os.path.lexists(path):
        os.remove(path)
