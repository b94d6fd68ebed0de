"""The application is found by its syntax, in whatever shape people write it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.generate.apps import find_app
from devbox.generate.modules import read_module
from devbox.generate.values import App, Folder

BOTH = frozenset({"fastapi", "flask"})


def folder(files: dict[str, str], **texts: str) -> Folder:
    return Folder({path: read_module(path, text) for path, text in files.items()}, texts)


def found(files: dict[str, str], dependencies: frozenset[str] = BOTH) -> App:
    app = find_app(folder(files), dependencies)
    assert app is not None
    return app


FASTAPI = "from fastapi import FastAPI\n"
FLASK = "from flask import Flask\n"


@pytest.mark.parametrize(
    ("text", "name", "framework", "factory"),
    [
        (FASTAPI + "app = FastAPI()\n", "app", "FastAPI", False),
        (FLASK + "app = Flask(__name__)\n", "app", "Flask", False),
        ("import fastapi\nservice = fastapi.FastAPI(title='x')\n", "service", "FastAPI", False),
        ("import flask as f\napplication = f.Flask('x')\n", "application", "Flask", False),
        ("from fastapi import FastAPI as Web\napi = Web()\n", "api", "FastAPI", False),
        ("from fastapi import *\napp = FastAPI()\n", "app", "FastAPI", False),
        ("from fastapi.applications import FastAPI\napp: FastAPI = FastAPI()\n", "app", "FastAPI", False),
        (FASTAPI + "app = application = FastAPI()\n", "app", "FastAPI", False),
        (FASTAPI + "class Shop(FastAPI):\n    pass\n\napp = Shop()\n", "app", "FastAPI", False),
        (FASTAPI + "try:\n    app = FastAPI()\nexcept ValueError:\n    raise\n", "app", "FastAPI", False),
        (FASTAPI + "if True:\n    app = FastAPI()\n", "app", "FastAPI", False),
        (FASTAPI + "def create_app():\n    app = FastAPI()\n    return app\n", "create_app", "FastAPI", True),
        (FLASK + "def create_app(config=None):\n    return Flask(__name__)\n", "create_app", "Flask", True),
        ("def create_app() -> 'Flask':\n    from flask import Flask\n    ...\n", "create_app", "Flask", True),
        (FASTAPI + "def make() -> FastAPI:\n    return build()\n\napp = make()\n", "app", "FastAPI", False),
    ],
)
def test_one_application(text: str, name: str, framework: str, factory: bool) -> None:
    app = found({"main.py": text})
    assert (app.target, app.framework, app.factory) == (f"main:{name}", framework, factory)
    assert app.reason == "" or "not " in app.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "from fastapi import APIRouter\napp = APIRouter()\n",
        "from flask import Blueprint\napp = Blueprint('a', __name__)\n",
        "app = FastAPI()\n",
        FASTAPI + "if __name__ == '__main__':\n    app = FastAPI()\n",
        FASTAPI + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    app = FastAPI()\n",
        FASTAPI + "def create_app(name):\n    return FastAPI(title=name)\n",
        FASTAPI + "async def create_app():\n    return FastAPI()\n",
        FASTAPI + "def use():\n    app = FastAPI()\n    print(app)\n",
        "print('x'",
        "\0",
    ],
)
def test_no_application(text: str) -> None:
    assert find_app(folder({"main.py": text}), BOTH) is None


MANY = {
    "routers are no applications": (
        {
            "app/__init__.py": "",
            "app/items.py": "from fastapi import APIRouter\napp = APIRouter()\n",
            "app/main.py": FASTAPI + "from app.items import app as items\napp = FastAPI()\n",
        },
        "app.main:app",
        "",
    ),
    "the object before the factory": (
        {
            "app/__init__.py": FLASK + "def create_app():\n    return Flask(__name__)\n",
            "wsgi.py": "from app import create_app\napp = create_app()\n",
        },
        "wsgi:app",
        "has to be made",
    ),
    "what a test makes counts last": (
        {
            "tests/test_a.py": FASTAPI + "app = FastAPI()\n",
            "service/deep/web.py": FASTAPI + "x = FastAPI()\n",
        },
        "service.deep.web:x",
        "beside the application",
    ),
    "what is mounted is part of another": (
        {
            "main.py": FASTAPI + "from api import app as api\nroot = FastAPI()\nroot.mount('/api', api)\n",
            "api.py": FASTAPI + "app = FastAPI()\n",
        },
        "main:root",
        "mounted",
    ),
    "the framework that is a dependency": (
        {"app.py": FLASK + "app = Flask('a')\n", "web.py": FASTAPI + "thing = FastAPI()\n"},
        "web:thing",
        "FastAPI is among the dependencies",
    ),
    "the usual name": (
        {"a.py": FASTAPI + "other = FastAPI()\n", "b.py": FASTAPI + "app = FastAPI()\n"},
        "b:app",
        "more usual name",
    ),
    "the usual file": (
        {"a.py": FASTAPI + "app = FastAPI()\n", "pkg/main.py": FASTAPI + "app = FastAPI()\n"},
        "pkg.main:app",
        "more usual file",
    ),
    "the one with routes": (
        {
            "one/main.py": FASTAPI + "app = FastAPI()\n",
            "two/main.py": FASTAPI + "app = FastAPI()\n@app.get('/')\ndef f(): ...\n",
        },
        "two.main:app",
        "has routes",
    ),
    "the nearer one": (
        {"a/b/main.py": FASTAPI + "app = FastAPI()\n", "c/main.py": FASTAPI + "app = FastAPI()\n"},
        "c.main:app",
        "nearer",
    ),
    "what hands an application on to a server": (
        {
            "shop/__init__.py": FLASK + "app = Flask('a')\n",
            "wsgi.py": "from shop import app\nimport shop.views\n",
        },
        "wsgi:app",
        "more usual file",
    ),
    "a factory in another module, by a relative import": (
        {
            "shop/__init__.py": "",
            "shop/factory.py": FASTAPI + "def build() -> FastAPI: ...\n",
            "shop/asgi.py": "from .factory import build\napp = build()\n",
        },
        "shop.asgi:app",
        "has to be made",
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_the_best_of_several_and_why(name: str) -> None:
    files, target, reason = MANY[name]
    app = found(files, frozenset({"fastapi"}) if "framework" in name else BOTH)
    assert app.target == target
    assert reason in app.reason


def test_fastapis_own_entrypoint_counts_before_all() -> None:
    files = {"main.py": FASTAPI + "app = FastAPI()\n", "tests/odd.py": FASTAPI + "thing = FastAPI()\n"}
    settings = '[tool.fastapi]\nentrypoint = "tests.odd:thing"\n'
    app = find_app(folder(files, **{"pyproject.toml": settings}), BOTH)
    assert app is not None
    assert app.target == "tests.odd:thing"


ROOTS = {
    "single file": ({"main.py": ""}, "main.py", "", "main", True),
    "package": ({"app/__init__.py": "", "app/main.py": ""}, "app/main.py", "", "app.main", True),
    "folder without __init__": ({"app/main.py": ""}, "app/main.py", "", "app.main", False),
    "the package itself": ({"shop/__init__.py": ""}, "shop/__init__.py", "", "shop", True),
    "src layout": ({"src/a/__init__.py": "", "src/a/main.py": ""}, "src/a/main.py", "src", "a.main", True),
    "src without a package": ({"src/main.py": ""}, "src/main.py", "src", "main", True),
    "src layout without __init__": ({"src/a/main.py": ""}, "src/a/main.py", "src", "a.main", False),
    "src as a package": ({"src/__init__.py": "", "src/main.py": ""}, "src/main.py", "", "src.main", True),
    "src that is imported by its name": (
        {"src/main.py": "from src.db import x\n", "src/db.py": ""},
        "src/main.py",
        "",
        "src.main",
        False,
    ),
    "run from inside its folder": (
        {"app/main.py": "from db import x\n", "app/db.py": ""},
        "app/main.py",
        "app",
        "main",
        True,
    ),
    "a backend folder": (
        {
            "backend/app/__init__.py": "",
            "backend/app/main.py": "from app.db import x\n",
            "backend/app/db.py": "",
        },
        "backend/app/main.py",
        "backend",
        "app.main",
        True,
    ),
    "a folder that is no name": (
        {"my-app/main.py": ""},
        "my-app/main.py",
        "my-app",
        "main",
        True,
    ),
}


@pytest.mark.parametrize("name", ROOTS)
def test_where_it_is_imported_from(name: str) -> None:
    files, path, root, module, package = ROOTS[name]
    app = found({**files, path: f"{FASTAPI}{files[path]}app = FastAPI()\n"})
    assert (app.root, app.module, app.package) == (root, module, package)


def test_a_file_that_is_being_edited_tells_what_its_other_parts_say() -> None:
    text = (
        f"{FASTAPI}import os\n\napp = FastAPI(\n    title='x',\n)\n\n"
        "@app.get('/')\ndef broken(:\n    return 1\n\n\n@app.get('/health')\ndef health():\n    return {}\n"
    )
    app = found({"main.py": text})
    assert app.target == "main:app"
    assert ("app", "/health") in read_module("main.py", text).routes


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    read_module("a.py", text)


SOURCE = (
    "from fastapi import FastAPI\n\n\ndef other():\n    if 1:\n        return 2\n\n\napp = FastAPI()\n\n\n"
    "@app.get('/')\ndef index():\n    return [\n        1,\n    ]\n"
)


@given(
    st.integers(0, SOURCE.index("app = FastAPI()") - 1), st.sampled_from(["(", "'", "def ", "\n  x\n", ":"])
)
def test_a_slip_before_it_does_not_hide_the_application(at: int, slip: str) -> None:
    """Whatever is typed in a function before it, it is still found as long as its own lines are whole."""
    start = SOURCE.index("def other")
    if at < start:
        at = start
    text = SOURCE[:at] + slip + SOURCE[at:]
    lines = text.splitlines()
    app = find_app(folder({"main.py": text}), BOTH)
    try:
        ast.parse(text)
    except SyntaxError:
        whole = "app = FastAPI()" in lines and "from fastapi import FastAPI" in lines
        assert app is not None or not whole


def test_an_application_that_is_made_with_arguments() -> None:
    files = {
        "flasky.py": "import os\nfrom app import create_app\napp = create_app(os.getenv('MODE') or 'a')\n",
        "app/__init__.py": f"{FLASK}def create_app(mode):\n    app = Flask(__name__)\n    return app\n",
    }
    app = found(files)
    assert (app.target, app.factory, app.line) == ("flasky:app", False, 3)
