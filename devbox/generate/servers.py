"""What serves an application, of what its dependencies hold. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from devbox.generate.values import App, Command, Dependencies, Options

_ADD: Mapping[str, str] = {
    "pip": "add a line to {manifest}: {package}",
    "uv": "uv add '{package}'",
    "poetry": "poetry add '{package}'",
    "pdm": "pdm add '{package}'",
    "pipenv": "pipenv install '{package}'",
}
_WITH_CLI = ("fastapi[standard]", "fastapi[all]", "fastapi-cli", "fastapi-cli[standard]")
_ONE_PROCESS = "{server} runs one process whatever --workers says: {advice}"
_GUNICORN_ADVICE = "gunicorn can run several"


def choose_server(app: App, dependencies: Dependencies, options: Options) -> Command:
    """The command for the best server among the dependencies; where there is none, that of the usual one,
    with a notice of what to add."""
    choose = _for_fastapi if app.framework == "FastAPI" else _for_flask
    return choose(app, dependencies, options)


def how_to_add(package: str, dependencies: Dependencies) -> str:
    """What to do to have one more dependency."""
    return _ADD[dependencies.manager].format(manifest=dependencies.manifest, package=package)


def _for_fastapi(app: App, dependencies: Dependencies, options: Options) -> Command:
    names = dependencies.names
    # The CLI finds a module by its file, and knows no factories.
    if not names.isdisjoint(_WITH_CLI) and "uvicorn" not in names and app.package and not app.factory:
        return _fastapi_cli(app, options)
    if not names.isdisjoint((*_WITH_CLI, "uvicorn", "uvicorn-worker")):
        return _uvicorn(app, options)
    for name, make in (("hypercorn", _hypercorn), ("granian", _granian)):
        if name in names:
            return make(app, options)
    alone = "gunicorn alone cannot serve FastAPI" if "gunicorn" in names else "no server is a dependency"
    return _uvicorn(app, options, (f"{alone}: {how_to_add('uvicorn', dependencies)}",))


def _for_flask(app: App, dependencies: Dependencies, options: Options) -> Command:
    known: Mapping[str, Callable[[App, Options], Command]] = {
        "gunicorn": _gunicorn,
        "waitress": _waitress,
        "granian": _granian,
    }
    for name, make in known.items():
        if name in dependencies.names:
            return make(app, options)
    better = how_to_add("gunicorn", dependencies)
    return _flask_run(app, options, f"flask run is Flask's server for development: {better}")


def _workers(options: Options) -> tuple[str, ...]:
    return ("--workers", str(options.workers)) if options.workers > 1 else ()


def _uvicorn(app: App, options: Options, notices: Iterable[str] = ()) -> Command:
    factory = ("--factory",) if app.factory else ()
    words = ("uvicorn", app.target, *factory, "--host", "0.0.0.0", "--port", str(options.port))
    proxy = ("--proxy-headers",) if options.proxy_headers else ()
    return Command("uvicorn", (*words, *_workers(options), *proxy), notices=tuple(notices))


def _fastapi_cli(app: App, options: Options) -> Command:
    named = () if app.name == "app" else ("--app", app.name)
    words = ("fastapi", "run", app.path, *named, "--host", "0.0.0.0", "--port", str(options.port))
    proxy = ("--proxy-headers",) if options.proxy_headers else ()
    return Command("fastapi run", (*words, *_workers(options), *proxy))


def _hypercorn(app: App, options: Options) -> Command:
    target = f"{app.target}()" if app.factory else app.target
    words = ("hypercorn", target, "--bind", f"0.0.0.0:{options.port}", *_workers(options))
    return Command("hypercorn", words, notices=_no_proxy(options, "hypercorn", "its ProxyFixMiddleware"))


def _granian(app: App, options: Options) -> Command:
    interface = "asgi" if app.framework == "FastAPI" else "wsgi"
    factory = ("--factory",) if app.factory else ()
    port = ("--port", str(options.port), *_workers(options))
    words = ("granian", app.target, *factory, "--interface", interface, "--host", "0.0.0.0", *port)
    return Command("granian", words, notices=_no_proxy(options, "granian", "its proxies' wrappers"))


def _gunicorn(app: App, options: Options) -> Command:
    target = f"{app.target}()" if app.factory else app.target
    # Several threads: one slow request must not keep all others waiting, the health check among them.
    threads = (*_workers(options), "--threads", "4", "--access-logfile", "-")
    words = ("gunicorn", target, "--bind", f"0.0.0.0:{options.port}", *threads)
    return Command("gunicorn", words, notices=_no_proxy(options, "Flask", "werkzeug's ProxyFix"))


def _waitress(app: App, options: Options) -> Command:
    target = ("--call", app.target) if app.factory else (app.target,)
    headers = "x-forwarded-for x-forwarded-host x-forwarded-proto"
    trusted: tuple[str, ...] = ("--trusted-proxy=*", f"--trusted-proxy-headers={headers}")
    trusted = (*trusted, "--clear-untrusted-proxy-headers") if options.proxy_headers else ()
    words = ("waitress-serve", f"--listen=0.0.0.0:{options.port}", *trusted, *target)
    notices = _one_process(options, "waitress", _GUNICORN_ADVICE)
    # It ends in order on what Ctrl-C sends, and as process 1 would not hear SIGTERM at all.
    return Command("waitress", words, "SIGINT", notices)


def _flask_run(app: App, options: Options, notice: str) -> Command:
    words = ("flask", "--app", app.target, "run", "--host", "0.0.0.0", "--port", str(options.port))
    told = (notice, *_one_process(options, "flask run", _GUNICORN_ADVICE))
    # As waitress.
    return Command("flask run", words, "SIGINT", (*told, *_no_proxy(options, "Flask", "werkzeug's ProxyFix")))


def _one_process(options: Options, server: str, advice: str) -> tuple[str, ...]:
    return (_ONE_PROCESS.format(server=server, advice=advice),) if options.workers > 1 else ()


def _no_proxy(options: Options, what: str, means: str) -> tuple[str, ...]:
    told = f"{what} takes a proxy's headers through {means}, in the source"
    return (told,) if options.proxy_headers else ()
