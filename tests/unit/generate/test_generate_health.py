"""The health route is asked only where it is certain to answer."""

from __future__ import annotations

import pytest

from devbox.generate.apps import find_app
from devbox.generate.health import find_health_path
from devbox.generate.modules import read_module
from devbox.generate.values import Folder

APP = "from fastapi import FastAPI, APIRouter, Depends\napp = FastAPI()\n"
ROUTER = "from fastapi import APIRouter\nrouter = APIRouter()\n"
HEALTH = "def health():\n    return {}\n"


def path_in(files: dict[str, str]) -> str:
    folder = Folder({path: read_module(path, text) for path, text in files.items()})
    app = find_app(folder, frozenset({"fastapi", "flask"}))
    assert app is not None
    return find_health_path(folder, app)


FOUND = {
    "/health": {"main.py": f"{APP}@app.get('/health')\n{HEALTH}"},
    "/healthz": {"main.py": f"{APP}@app.get('/ready')\n{HEALTH}@app.get('/healthz')\nasync {HEALTH}"},
    "/health/": {"main.py": f"{APP}@app.api_route('/health/', methods=['GET', 'HEAD'])\n{HEALTH}"},
    "/api/v1/ping": {"main.py": f"{APP}@app.get('/api/v1/ping')\n{HEALTH}"},
    "/a/b/health": {
        "pkg/__init__.py": "",
        "pkg/routes.py": "from fastapi import APIRouter\nrouter = APIRouter(prefix='/b')\n"
        f"@router.get('/health')\n{HEALTH}",
        "pkg/main.py": f"{APP}from . import routes\napp.include_router(routes.router, prefix='/a')\n",
    },
    "/livez": {
        "routes.py": f"{ROUTER}@router.get('/livez')\n{HEALTH}",
        "main.py": f"{APP}from routes import router as r\napp.include_router(r)\n",
    },
    "/live": {
        "app.py": "from flask import Flask\napp = Flask(__name__)\nimport views\n",
        "views.py": f"from app import app\n@app.route('/live')\n{HEALTH}",
    },
    "/f/health": {
        "app.py": "from flask import Flask\nfrom bp import bp\ndef create_app():\n    app = Flask('x')\n"
        "    app.register_blueprint(bp)\n    return app\n",
        "bp.py": "from flask import Blueprint\nbp = Blueprint('b', __name__, url_prefix='/f')\n"
        f"@bp.get('/health')\n{HEALTH}",
    },
    "/heartbeat": {
        "factory.py": "from fastapi import FastAPI\ndef build() -> FastAPI:\n    app = FastAPI()\n"
        "    @app.get('/heartbeat')\n    def beat(): ...\n    return app\n",
        "main.py": "from factory import build\napp = build()\n",
    },
}


@pytest.mark.parametrize("path", FOUND)
def test_a_route_that_answers(path: str) -> None:
    assert path_in(FOUND[path]) == path


@pytest.mark.parametrize(
    "text",
    [
        f"{APP}@app.get('/health', dependencies=[Depends(f)])\n{HEALTH}",
        f"{APP}@app.get('/health')\ndef health(user=Depends(login)): ...\n",
        f"{APP}@app.get('/health')\ndef health(key): ...\n",
        f"{APP}@app.get('/health')\n@login_required\n{HEALTH}",
        f"{APP}@app.post('/health')\n{HEALTH}",
        f"{APP}@app.api_route('/health', methods=['POST'])\n{HEALTH}",
        f"{APP}@app.get('/{{name}}/health')\n{HEALTH}",
        f"{APP}@app.get(f'/health')\n{HEALTH}",
        f"{APP}@app.get('/unhealthy')\n{HEALTH}",
        f"{APP}@other.get('/health')\n{HEALTH}",
        f"{APP}router = APIRouter()\n@router.get('/health')\n{HEALTH}",
        f"{APP}router = APIRouter(prefix=P)\n@router.get('/health')\n{HEALTH}app.include_router(router)\n",
        f"{APP}router = APIRouter()\n@router.get('/health')\n{HEALTH}app.include_router(router, **more)\n",
        f"{APP}r = APIRouter(dependencies=[x])\n@r.get('/health')\n{HEALTH}app.include_router(r)\n",
        f"from fastapi import FastAPI\napp = FastAPI(dependencies=[x])\n@app.get('/health')\n{HEALTH}",
        f"from x import TrustedHostMiddleware\n{APP}@app.get('/health')\n{HEALTH}",
        f"{APP}sub = FastAPI()\n@sub.get('/health')\n{HEALTH}app.mount('/sub', sub)\n",
    ],
)
def test_a_route_that_may_not_answer_is_not_asked(text: str) -> None:
    assert path_in({"main.py": text}) == ""
