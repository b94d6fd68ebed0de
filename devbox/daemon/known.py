"""The Config that verbs look up and end a project by, also where its folder is gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from devbox.config import Config, defaults, load, unread
from devbox.daemon.lock import runtime_directory, state_directory
from devbox.daemon.running import running_services
from devbox.errors import ConfigError, SeveralServices, UsageError
from devbox.place import place_of, split
from devbox.report.glance import known_project, known_projects
from devbox.settings import SETTINGS_FILE

ELSEWHERE = "name the project's folder, or start it there: devbox up PATH"


def config_of(root: Path, environ: Mapping[str, str]) -> Config:
    """As `load_leniently`; of a folder that is gone, the defaults under the name that the project had.

    Raises ConfigError for one that devbox knows nothing of, neither a daemon nor a killed one's leavings,
    nor a journal, and for a service of that kind that the compose file does not have; SeveralServices for a
    folder that builds several and is not run as one.
    """
    try:
        return load(root, {}, environ)
    except ConfigError as error:
        if isinstance(error, SeveralServices) and not runtime_directory(root).is_dir():
            raise
        folder, service = split(root)
        if service and not _has_run(root):
            # Most often a name that was mistyped.
            raise
        if folder.is_dir():
            return unread(root, environ)
        known = known_project(state_directory(root))
        if root.exists() or not (known or runtime_directory(root).is_dir()):
            raise
    return defaults(root, known.name if known else "", environ)


def configs_of(root: Path, environ: Mapping[str, str]) -> tuple[Config, ...]:
    """As `config_of`, for a folder that builds several services one for each."""
    try:
        return (config_of(root, environ),)
    except SeveralServices as error:
        return tuple(config_of(place_of(root.resolve(), service), environ) for service in error.services)


def never_a_project(config: Config) -> str:
    """Why a folder is none that devbox could know of, '' where it may be one: it has been run there, or there
    is what it would take."""
    written = (config.dockerfile, config.root / SETTINGS_FILE)
    if _has_run(config.place):
        return ""
    if config.compose is not None or any(path.exists() for path in written):
        return ""
    return f"{config.root} has no Dockerfile, and devbox has never run there"


def _has_run(place: Path) -> bool:
    return state_directory(place).is_dir() or runtime_directory(place).is_dir()


def met(config: Config) -> Config:
    """The same; raises UsageError for that of a folder which is no project that devbox could know of."""
    if why := never_a_project(config):
        raise UsageError(f"nothing of {config.project} is there", cause=why, hint=ELSEWHERE)
    return config


def places_of(root: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """What a folder that builds several services is looked at as: each of them; any other place as it is."""
    try:
        load(root, {}, environ)
    except SeveralServices as error:
        return tuple(place_of(root.resolve(), service) for service in error.services)
    except ConfigError:
        # Whoever looks says what is wrong with it.
        pass
    return (root,)


def all_configs_of(root: Path, environ: Mapping[str, str]) -> tuple[Config, ...]:
    """As `configs_of`, and those of the folder's services besides that a devbox runs, or left running when it
    was killed, whatever somebody wrote into the compose file since."""
    found = configs_of(root, environ)
    if split(root)[1]:
        return found
    known = {config.place for config in found}
    running = running_services(found[0].root)
    return (*found, *(config_of(place, environ) for place in running if place not in known))


def services_known(root: Path) -> tuple[str, ...]:
    """The places of those services of the folder that devbox has run, the latest first."""
    folder = root.resolve()
    known = (Path(project.root) for project in known_projects(state_directory(root).parent))
    return tuple(str(place) for place in known if split(place)[1] and split(place)[0] == folder)
