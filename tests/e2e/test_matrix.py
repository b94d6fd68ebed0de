"""Each kind of project, with the Dockerfile devbox writes and with the guide's: init, up, edit, served."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from devbox.engine import connect
from devbox.generate.values import Manager
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import run
from tests.engine.conftest import BASE, RealLab, remove_all
from tests.engine.locks import lock_of
from tests.engine.projects import VARIANTS, Project, write

CELLS = [
    (name, dockerfile)
    for name, project in VARIANTS.items()
    if project.layout != "src"
    for dockerfile in ("generated", "guide")
]
# The guides' own Dockerfile, install lines left out; `test_guides.py` runs them to the letter.
_GUIDE = """\
FROM {base}
WORKDIR /code
{install}
COPY ./{source} /code/{source}
CMD {command}
"""
_CACHED_PIP = "RUN --mount=type=cache,target=/root/.cache/pip pip install"
# How each tool's own documentation brings it into such a Dockerfile: uv makes the environment, Poetry exports
# what pip then installs.
_INSTALL: dict[Manager, str] = {
    "pip": """\
COPY ./requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt""",
    "uv": f"""\
ENV UV_SYSTEM_CERTS=1 PATH=/code/.venv/bin:$PATH
{_CACHED_PIP} uv
COPY ./pyproject.toml ./uv.lock /code/
RUN uv sync --frozen --no-install-project --no-cache""",
    "poetry": """\
COPY --from=requirements /requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt""",
}
_POETRY_STAGE = f"""\
FROM {BASE} AS requirements
{_CACHED_PIP} poetry poetry-plugin-export
COPY ./pyproject.toml ./poetry.lock /
RUN poetry export --without-hashes --output requirements.txt
"""


def of_the_guide(project: Project) -> str:
    """The Dockerfile of the guide of the project's framework, with the project's own names."""
    source, module = ("shop", "shop.main") if project.layout == "package" else ("main.py", "main")
    command = (
        f'["uvicorn", "{module}:app", "--host", "0.0.0.0", "--port", "8000"]'
        if project.framework == "FastAPI"
        else f'["flask", "--app", "{module}", "run", "--host=0.0.0.0", "--port=8000"]'
    )
    text = _GUIDE.format(base=BASE, install=_INSTALL[project.manager], source=source, command=command)
    return f"{_POETRY_STAGE}{text}" if project.manager == "poetry" else text


@pytest.fixture(scope="module")
def locks(
    base_images: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Manager], str]:
    base_images(BASE)

    async def locked(manager: Manager) -> str:
        engine = await connect()
        lab = RealLab(engine, f"real{uuid.uuid4().hex[:10]}")
        try:
            return await lock_of(lab, manager, tmp_path_factory.mktemp(manager))
        finally:
            await engine.close()
            await remove_all(lab.project)

    return lambda manager: asyncio.run(locked(manager))


@pytest.mark.parametrize(("name", "dockerfile"), CELLS, ids=lambda value: value.replace(" ", "-"))
def test_an_edit_is_served_on_the_same_port(
    name: str, dockerfile: str, folder: Path, start: StartUp, locks: Callable[[Manager], str]
) -> None:
    project = VARIANTS[name]
    lock = locks(project.manager)
    write(folder, project.files("before", lock))
    if dockerfile == "generated":
        made = run("init", str(folder))
        assert made.returncode == 0, made.stderr
    else:
        write(folder, {"Dockerfile": of_the_guide(project)})
    up = start()
    first = up.served(bound=400)
    up.serves("before")
    write(folder, {project.source: project.files("after the edit", lock)[project.source]})
    second = up.served(after=first["seq"])
    assert second["url"] == first["url"]
    up.serves("after the edit")
    assert up.of("release.failed") == up.of("build.failed") == []
