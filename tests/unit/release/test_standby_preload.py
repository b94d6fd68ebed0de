"""Which modules a standby loads early, read from the application's own source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.release.standby.preload import own_names, preload_modules, runs
from devbox.release.standby.servers import run_time_modules

_UVICORN = ("/usr/bin/python3", "/usr/local/bin/uvicorn", "app.main:app")


def modules(argv: tuple[str, ...], **files: str) -> tuple[str, ...]:
    """The preload list, without what the server is known to load."""
    plain = {name if "/" in name else name.replace("__", "/"): text for name, text in files.items()}
    texts = {f"{name}.py": text for name, text in plain.items()}
    found = preload_modules(frozenset(texts), texts.get, argv)
    servers = set(run_time_modules(argv, found))
    return tuple(name for name in found if name not in servers)


def test_imports_are_followed_through_the_project() -> None:
    found = modules(
        _UVICORN,
        app__main="import fastapi\nfrom .store import x\nfrom app import views\nimport redis.asyncio",
        app__store="import sqlalchemy as sa",
        app__views="from jinja2 import Template",
        scripts__unused="import numpy",
    )
    assert found == ("fastapi", "redis.asyncio", "sqlalchemy", "jinja2", "jinja2:Template")


def test_only_what_is_loaded_at_the_start_counts() -> None:
    text = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "try:\n    import c\nexcept ImportError:\n    import d\n"
        "def f():\n    import e\nclass G:\n    import h\n"
    )
    found = modules(("python", "main.py"), main=text)
    assert set(found) == {"typing", "typing:TYPE_CHECKING", "b", "c", "d", "h"}


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


def test_the_packages_around_a_module_are_loaded_before_it() -> None:
    files = {"app/__init__": "import a", "app/main": "from app.db import x", "app/db": "import b"}
    assert modules(_UVICORN, **files) == ("a", "b")
    tool = {"tool/__init__": "import a", "tool/__main__": "import b"}
    assert modules(("python", "-m", "tool"), **tool) == ("a", "b")


def test_what_a_relative_import_names_is_never_somebody_else_s() -> None:
    found = modules(_UVICORN, app__main="from . import redis\nfrom .. import yaml\nfrom .gone import x")
    assert found == ()


def test_every_branch_that_may_run_counts() -> None:
    branches = (
        "match 1:\n  case 1:\n    import a",
        "with x:\n  import b",
        "while y:\n  import c\nelse:\n  import d",
    )
    text = "\n".join(branches)
    assert modules(("python", "main.py"), main=text) == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    "argv",
    [
        ("python", "/usr/bin/fastapi", "run", "app/main.py"),
        ("python", "-m", "flask", "--app", "app.main", "run"),
        ("python", "-m", "flask", "--app=app.main:create()", "run"),
        ("python", "/usr/bin/gunicorn", "app.main:create()"),
        ("python", "app/main.py"),
        ("python", "/code/app/main.py"),
        ("python", "-m", "app.main"),
    ],
)
def test_where_the_application_begins_is_read_from_its_command_line(argv: tuple[str, ...]) -> None:
    assert modules(argv, app__main="import a", other="import b") == ("a",)


def test_a_worker_class_is_loaded_with_what_it_loads() -> None:
    argv = ("python", "/usr/bin/gunicorn", "-k", "uvicorn_worker.UvicornWorker", "app:app")
    found = preload_modules(frozenset({"app.py"}), lambda _: "", argv)
    assert {"uvicorn_worker", "uvicorn.config", "gunicorn.app.wsgiapp"} <= set(found)


def test_a_worker_that_patches_is_found_in_gunicorn_s_configuration() -> None:
    argv = ("python", "/usr/bin/gunicorn", "app:app")
    settings = "worker_class = 'gevent'"
    assert modules(argv, app="import a", **{"gunicorn.conf": settings}) == ()
    assert modules((*argv, "-c", "python:deploy"), app="import a", deploy="") == ("a",)
    assert modules((*argv, "--config=conf/web.py"), app="import a", conf__web=settings) == ()


_NAMES = st.sampled_from(["a", "b", "a.b", ".", ".a", "..b", "b.a"])
_LINES = st.one_of(
    _NAMES.filter(lambda name: "." not in name[:1]).map("import {}".format),
    st.builds("from {} import {}".format, _NAMES, st.sampled_from(["a", "b", "*"])),
)
_FILES = st.sampled_from(["a.py", "b.py", "a/__init__.py", "a/b.py", "src/a/b.py", "b/__init__.py", "x/y.py"])


@given(
    st.dictionaries(_FILES, st.lists(_LINES).map("\n".join)),
    st.sampled_from(["a:app", "a.b:app", "none:app"]),
)
def test_no_name_of_the_project_is_ever_loaded_early(files: dict[str, str], entry: str) -> None:
    found = preload_modules(frozenset(files), files.get, ("python", "daphne", entry))
    tops = {name.replace(":", ".").partition(".")[0] for name in found}
    assert not tops & own_names(files)
    assert len(set(found)) == len(found)


def test_what_python_m_runs_is_not_loaded_before() -> None:
    argv = ("python", "-m", "uvicorn", "app.main:app")
    assert [runs(argv, name) for name in ("uvicorn", "uvicorn.__main__", "uvicorn.main")] == [
        True,
        True,
        False,
    ]
    assert not runs(("hypercorn", "app:app"), "hypercorn.__main__")
