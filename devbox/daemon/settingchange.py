"""Which setting is another one, and where it is written. Pure but for the reading it is given."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from devbox.config import Config
from devbox.daemon.places import Read, posix
from devbox.daemon.settingplace import setting_line, settings_file

_NOT_SET = frozenset({"root", "sources", "env_files"})
_MAPPINGS = ("environment", "build_args")


def setting_change(former: Config, now: Config, read: Read) -> str:
    """As in "devbox.toml line 4: ports changed"; '' where no setting is another one. Values are not told."""
    changed = [
        name
        for name in Config.model_fields
        if name not in _NOT_SET and getattr(former, name) != getattr(now, name)
    ]
    named = [told for name in changed for told in _told(name, former, now, read)]
    if not named:
        return ""
    more = f" and {len(named) - 1} more" if len(named) > 1 else ""
    return f"{named[0]}{more} changed"


def written_build_args(former: Config, now: Config, read: Read) -> Mapping[str, str]:
    """Where those build arguments stand that are others, as in "devbox.toml line 3"."""
    names = _keys(former.build_args, now.build_args)
    found = ((name, _place(now, "build_args", name, read)) for name in names)
    return {name: place for name, place in found if place}


def _told(name: str, former: Config, now: Config, read: Read) -> list[str]:
    if name not in _MAPPINGS:
        place = _place(now, name, "", read)
        return [f"{place}: {name}" if place else name]
    keys = _keys(getattr(former, name), getattr(now, name))
    places = ((key, _place(now, name, key, read)) for key in keys)
    return [f"{place}: {name} {key}" if place else f"{name} {key}" for key, place in places]


def _keys(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return [key for key in dict.fromkeys((*other, *one)) if one.get(key) != other.get(key)]


def _place(config: Config, name: str, key: str, read: Read) -> str:
    """The file and the line of a setting, or of one key of it; the file alone where it stands there no more,
    '' where no file says it."""
    if name == "environment":
        for path in config.env_files:
            file = posix(os.path.relpath(path, config.root))
            for number, line in enumerate((read(file) or "").splitlines(), 1):
                if re.match(rf"\s*(?:export\s+)?{re.escape(key)}\s*(?:=|$)", line):
                    return f"{file} line {number}"
    file = settings_file(config.sources.get(name, ""))
    text = read(file) if file else None
    if text is None:
        return ""
    wanted = (f"{name}.{key}", name) if key else (name,)
    found = next((at for each in wanted if (at := setting_line(text, file, each))), 0)
    return f"{file} line {found}" if found else file
