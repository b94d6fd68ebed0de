"""The route that says whether an application is well, where its source has one that anybody may ask. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from devbox.generate.modules import resolved
from devbox.generate.names import Names
from devbox.generate.values import App, Folder, Included, Module
from devbox.healthcheck import can_be_asked

# That it lives counts for more than that all which it needs is there.
_PATHS = (
    *("/health", "/healthz", "/livez", "/live", "/health/live", "/healthz/live", "/liveness"),
    *("/healthcheck", "/health-check", "/health_check", "/_health", "/heartbeat", "/ping"),
    *("/readyz", "/ready", "/health/ready", "/readiness"),
)


def find_health_path(folder: Folder, app: App) -> str:
    """The path to ask, '' where there is none that is certain to answer: one behind a login, or below what
    the source does not tell, would keep a good application from ever being ready."""
    names = Names(folder.modules)
    if any(module.checks_hosts for module in folder.modules.values()):
        return ""
    found = [path for path in _paths(names, app) if can_be_asked(path) and _place(path) is not None]
    return min(found, key=lambda path: (_place(path) or 0, len(path), path), default="")


def _place(path: str) -> int | None:
    bare = path.rstrip("/")
    return next((place for place, known in enumerate(_PATHS) if bare.endswith(known)), None)


def _paths(names: Names, app: App) -> Iterator[str]:
    for module, owner in _owners(names, app):
        for name, path in module.routes:
            if name == owner:
                yield path
        for included in module.included:
            if included.owner == owner and included.prefix is not None:
                yield from _included(names, module, included)


def _owners(names: Names, app: App) -> Iterator[tuple[Module, str]]:
    """Each module with the name by which it calls the application."""
    module = names.modules[app.path]
    home = names.served(module.imports.get(app.name, ""), app.path) if app.name in module.imports else None
    made = module.calls.get(app.name)
    if made is not None:
        own = next(((module, one) for one in module.served if one.name == made[0]), None)
        home = own or names.served(resolved(made[0], module.imports), app.path)
    where, served = home or (module, next((one for one in module.served if one.name == app.name), None))
    if served is None or served.guarded:
        return
    if where is not module or not served.factory:
        yield module, app.name
    if served.factory:
        # What it is called inside of the function.
        for name in sorted({owner for owner in where.owners if owner not in _router_names(where)}):
            yield where, name
        return
    for other in names.modules.values():
        if other.path == where.path:
            if where is not module:
                yield where, served.name
            continue
        for name, origin in other.imports.items():
            meant = names.served(origin, other.path)
            if meant is not None and meant == (where, served) and other is not module:
                yield other, name


def _router_names(module: Module) -> set[str]:
    return {router.name for router in module.routers}


def _included(names: Names, module: Module, included: Included) -> Iterator[str]:
    found = names.find(resolved(included.what, module.imports), module.path)
    if "." not in included.what and included.what in _router_names(module):
        found = module, included.what
    if found is None:
        return
    where, name = found
    for router in where.routers:
        if router.name == name and router.prefix is not None:
            for owner, path in where.routes:
                if owner == name:
                    yield f"{included.prefix}{router.prefix}{path}"
