"""Which modules a standby loads early, read from the application's own source."""

from __future__ import annotations

from devbox.release.standby.preload import own_names, preload_modules

_UVICORN = ("/usr/bin/python3", "/usr/local/bin/uvicorn", "app.main:app")


def modules(argv: tuple[str, ...], **files: str) -> tuple[str, ...]:
    """The preload list, without what the server is known to load."""
    texts = {name.replace("__", "/") + ".py": text for name, text in files.items()}
    found = preload_modules(frozenset(texts), texts.get, argv)
    return tuple(name for name in found if not name.startswith("uvicorn"))


def test_imports_are_followed_through_the_project() -> None:
    found = modules(
        _UVICORN,
        app__main="import fastapi\nfrom .store import x\nfrom app import views\nimport redis.asyncio",
        app__store="import sqlalchemy as sa",
        app__views="from jinja2 import Template",
        scripts__unused="import numpy",
    )
    assert found == ("fastapi", "redis.asyncio", "sqlalchemy", "jinja2", "jinja2.Template")


def test_only_what_is_loaded_at_the_start_counts() -> None:
    text = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "try:\n    import c\nexcept ImportError:\n    import d\n"
        "def f():\n    import e\nclass G:\n    import h\n"
    )
    found = modules(("python", "main.py"), main=text)
    assert set(found) == {"typing", "typing.TYPE_CHECKING", "b", "c", "d", "h"}


def test_what_may_be_the_project_s_own_is_left_out() -> None:
    assert modules(("python", "main.py"), main="import redis\nimport yaml", old__redis="") == ("yaml",)
    assert own_names(["a/b/c.py", "main.py"]) >= {"a", "b", "c", "main"}


def test_an_entry_that_is_not_found_means_every_file_but_tests() -> None:
    assert modules(("daphne",), one="import a", tests__two="import b") == ("a",)


def test_nothing_is_loaded_before_somebody_patches() -> None:
    assert modules(_UVICORN, app__main="from gevent import monkey\nimport requests") == ()
    assert modules(("python", "gunicorn", "-k", "gevent", "a:b"), a="import requests") == ()


def test_source_that_does_not_parse_is_passed_over() -> None:
    assert modules(_UVICORN, app__main="import fastapi\ndef (") == ()


def test_the_server_s_own_modules_are_known() -> None:
    found = preload_modules(frozenset({"app/main.py"}), lambda _: "import fastapi", _UVICORN)
    assert found[0] == "fastapi"
    assert "uvicorn.protocols.http.httptools_impl" in found
