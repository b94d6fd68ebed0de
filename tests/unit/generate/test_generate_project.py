"""Python version, dependencies, server, and the Dockerfile made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.dockerfile import parse, runtime
from devbox.build.plan import source_only
from devbox.errors import NotRecognised
from devbox.generate import DOCKERIGNORE, Folder, Options, generate, with_rules
from devbox.generate.dependencies import find_dependencies
from devbox.generate.modules import read_module
from devbox.generate.versions import DEFAULT_PYTHON, find_python, newest_within
from devbox.release.ports import container_ports
from devbox.watch.ignore import IgnoreRules

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "def create_app():\n    return {made}\n"


def project(source: str = FASTAPI, *, path: str = "main.py", **texts: str) -> Folder:
    return Folder({path: read_module(path, source)}, texts)


@pytest.mark.parametrize(
    ("texts", "version", "origin"),
    [
        ({}, DEFAULT_PYTHON, ""),
        ({".python-version": "3.12.4\n"}, "3.12", ".python-version"),
        ({".python-version": "# ours\n\ncpython-3.11\n"}, "3.11", ".python-version"),
        ({".python-version": "pypy3.10\n"}, DEFAULT_PYTHON, ""),
        ({"runtime.txt": "python-3.10.14\n"}, "3.10", "runtime.txt"),
        ({"Pipfile": '[requires]\npython_version = "3.9"\n'}, "3.9", "Pipfile"),
        ({"Pipfile": '[requires]\npython_full_version = "3.9.18"\n'}, "3.9", "Pipfile"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.9,<3.12"\n'}, "3.11", "pyproject.toml"),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.10"\n'},
            DEFAULT_PYTHON,
            "pyproject.toml",
        ),
        ({"pyproject.toml": "no toml"}, DEFAULT_PYTHON, ""),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.99"\n'}, DEFAULT_PYTHON, ""),
        (
            {".python-version": "3.12", "pyproject.toml": '[project]\nrequires-python = ">=3.13"\n'},
            "3.12",
            ".python-version",
        ),
    ],
)
def test_the_python_version(texts: dict[str, str], version: str, origin: str) -> None:
    found = find_python(texts)
    assert (found.text, found.origin) == (version, origin)


@pytest.mark.parametrize(
    ("specifier", "version"),
    [
        (">=3.8", DEFAULT_PYTHON),
        ("<3.13", "3.12"),
        ("<3.12.1", "3.11"),
        ("==3.10.*", "3.10"),
        ("==3.11.4", "3.11"),
        ("~=3.9", DEFAULT_PYTHON),
        ("~=3.9.2", "3.9"),
        ("~3.9", "3.9"),
        ("^3.8", DEFAULT_PYTHON),
        (">3.13", DEFAULT_PYTHON),
        (">=3.14", "3.14"),
        ("!=3.13.*", "3.14"),
        (">=3.9, !=3.13, <3.14", "3.12"),
        ("3.9 || 3.10", "3.10"),
        (">=3.8 <3.10", "3.9"),
        ("*", DEFAULT_PYTHON),
        (">=4", ""),
        ("nonsense", ""),
    ],
)
def test_the_newest_version_that_is_allowed(specifier: str, version: str) -> None:
    assert newest_within(specifier) == version


@given(st.text("0123456789.,<>=!~^|* v3", max_size=20))
def test_any_specifier_is_read(specifier: str) -> None:
    newest_within(specifier)


PEP621 = (
    '[project]\nname = "a"\ndependencies = ["FastAPI[standard] >= 0.1; python_version > \'3\'", "uvicorn"]\n'
)
POETRY = (
    '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\npython = "^3.9"\nflask = {extras = ["async"]}\n'
)
CHOICES = {
    "requirements": ({"requirements.txt": "Flask==3 # x\n-r more.txt\n", "more.txt": "gunicorn\n"}, "pip"),
    "uv.lock": ({"pyproject.toml": PEP621, "uv.lock": "", "requirements.txt": "flask"}, "uv"),
    "poetry.lock": ({"pyproject.toml": POETRY, "poetry.lock": "", "requirements.txt": "flask"}, "poetry"),
    "pdm.lock": ({"pyproject.toml": PEP621, "pdm.lock": ""}, "pdm"),
    "poetry without a lock": ({"pyproject.toml": POETRY, "requirements.txt": "x"}, "poetry"),
    "a build backend": (
        {"pyproject.toml": f'{PEP621}[build-system]\nbuild-backend = "pdm.backend"\n'},
        "pdm",
    ),
    "a plain pyproject": ({"pyproject.toml": PEP621}, "uv"),
    "pinned beside a plain pyproject": ({"pyproject.toml": PEP621, "requirements.txt": "flask"}, "pip"),
    "requirements of the project itself": ({"pyproject.toml": PEP621, "requirements.txt": "-e .\n"}, "uv"),
    "Pipfile": ({"Pipfile": '[packages]\nflask = "*"\n', "Pipfile.lock": "{}"}, "pipenv"),
    "a folder of requirements": (
        {"requirements/base.txt": "flask\n", "requirements/prod.txt": "-r base.txt\n"},
        "pip",
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_who_installs(name: str) -> None:
    texts, manager = CHOICES[name]
    found = find_dependencies(texts)
    assert found is not None
    assert found.manager == manager
    assert bool(found.lock) == (name.endswith(".lock") or name == "Pipfile")
    assert not found.names.isdisjoint({"flask", "fastapi"})
    assert set(found.files) <= set(texts)


def test_what_dependencies_are_called() -> None:
    names = find_dependencies({"pyproject.toml": PEP621})
    assert names is not None
    assert names.names == {"fastapi", "fastapi[standard]", "uvicorn"}
    files = {
        "requirements.txt": "-r more.txt\n-c limits.txt\n--index-url x\ngit+https://x/y\n",
        "more.txt": "A_b.c",
    }
    found = find_dependencies(files)
    assert found is not None
    assert "a-b-c" in found.names
    assert found.git
    assert found.files == ("requirements.txt", "more.txt")
    assert any("limits.txt" in notice for notice in found.notices)


def test_members_of_a_workspace_are_not_installed() -> None:
    texts = {"pyproject.toml": f'{PEP621}[tool.uv.workspace]\nmembers = ["packages/*"]\n', "uv.lock": ""}
    made = generate(project(FASTAPI, **texts), Options())
    assert "uv sync --frozen --no-dev --no-install-workspace\n" in made.dockerfile
    assert any("workspace" in notice for notice in made.notices)


def test_a_dependency_out_of_a_repository_brings_git_into_the_builder() -> None:
    texts = {"requirements.txt": "fastapi\nuvicorn\nlib @ git+https://example.org/lib\n"}
    made = generate(project(FASTAPI, **texts), Options())
    builder, final = made.dockerfile.split("\n\nFROM ")
    assert "install -y --no-install-recommends git" in builder
    assert "git" not in final


@pytest.mark.parametrize(
    ("source", "listed", "command", "notice"),
    [
        (FASTAPI, "fastapi uvicorn", "uvicorn main:app --host 0.0.0.0 --port 8000", ""),
        (FASTAPI, "fastapi[standard]", "fastapi run main.py --host 0.0.0.0 --port 8000", ""),
        (FASTAPI, "fastapi[standard] uvicorn", "uvicorn main:app --host 0.0.0.0 --port 8000", ""),
        (FASTAPI, "fastapi hypercorn", "hypercorn main:app --bind 0.0.0.0:8000", ""),
        (
            FASTAPI,
            "fastapi",
            "uvicorn main:app --host 0.0.0.0 --port 8000",
            "add a line to requirements.txt: uvicorn",
        ),
        (FASTAPI, "fastapi gunicorn", "uvicorn main:app --host 0.0.0.0 --port 8000", "gunicorn alone cannot"),
        (FASTAPI, "uvicorn", "uvicorn main:app --host 0.0.0.0 --port 8000", "fastapi is not listed"),
        (
            "from fastapi import FastAPI\n" + FACTORY.format(made="FastAPI()"),
            "fastapi[standard]",
            "uvicorn main:create_app --factory --host 0.0.0.0 --port 8000",
            "",
        ),
        (FLASK, "flask gunicorn", "gunicorn main:app --bind 0.0.0.0:8000 --threads 4 --access-logfile -", ""),
        (FLASK, "flask waitress", "waitress-serve --listen=0.0.0.0:8000 main:app", ""),
        (FLASK, "flask", "flask --app main:app run --host 0.0.0.0 --port 8000", "gunicorn"),
        (
            "from flask import Flask\n" + FACTORY.format(made="Flask('a')"),
            "flask gunicorn",
            "gunicorn main:create_app() --bind 0.0.0.0:8000 --threads 4 --access-logfile -",
            "",
        ),
    ],
)
def test_the_server_is_one_that_is_there(source: str, listed: str, command: str, notice: str) -> None:
    made = generate(project(source, **{"requirements.txt": "\n".join(listed.split())}), Options())
    assert " ".join(made.basis.command.words) == command
    assert any(notice in each for each in made.notices) if notice else made.notices == ()


@pytest.mark.parametrize("server", ["uvicorn", "fastapi[standard]", "hypercorn", "granian"])
def test_what_is_asked_for(server: str) -> None:
    texts = {"requirements.txt": f"fastapi\n{server}\n"}
    made = generate(project(FASTAPI, **texts), Options(port=81, workers=3, proxy_headers=True))
    words = " ".join(made.basis.command.words)
    assert "81" in words
    assert "--workers 3" in words
    assert "FORWARDED_ALLOW_IPS" in made.dockerfile
    assert ("--proxy-headers" in words) != bool(made.notices)
    assert ":81" in made.dockerfile or "81" in made.dockerfile
    hints = runtime(parse(made.dockerfile, "Dockerfile"), {}, "")
    assert hints.ports == ((81, "tcp"),)


def test_nothing_to_write_a_dockerfile_for() -> None:
    with pytest.raises(NotRecognised, match="no application"):
        generate(Folder({}, {"requirements.txt": "flask"}), Options())
    with pytest.raises(NotRecognised, match="nothing names"):
        generate(project(), Options())


EVERY = [
    (source, texts, options)
    for source in (FASTAPI, FLASK)
    for texts in (
        *(texts for texts, _ in CHOICES.values()),
        {"requirements.txt": "fastapi[standard]\nwaitress\n"},
    )
    for options in (Options(), Options(port=80, workers=2, proxy_headers=True))
]


@pytest.mark.parametrize("path", ["main.py", "app/main.py", "src/pkg/main.py"])
@pytest.mark.parametrize("case", range(len(EVERY)))
def test_what_every_dockerfile_has(path: str, case: int) -> None:
    source, texts, options = EVERY[case]
    made = generate(project(source, path=path, **texts), options)
    dockerfile = parse(made.dockerfile, "Dockerfile")
    instructions = [instruction.text for instruction in dockerfile.instructions]
    assert source_only(dockerfile, {}, "", [path])
    assert all(text.startswith(f"FROM python:{made.basis.python.text}-slim") for text in instructions[:1])
    last = dockerfile.stages[-1].instructions
    keywords = [instruction.keyword for instruction in last]
    assert keywords.index("COPY") > keywords.index("RUN")
    assert "RUN" not in keywords[keywords.index("COPY") :]
    assert keywords[-1] == "CMD"
    assert last[-1].json
    assert {"USER", "EXPOSE", "HEALTHCHECK"} <= set(keywords)
    runs = [each for each in dockerfile.instructions if each.keyword == "RUN" and "useradd" not in each.text]
    assert all(each.flag_values("mount") for each in runs if "-m venv" not in each.text)
    hints = runtime(dockerfile, {}, "")
    assert isinstance(hints.cmd, tuple)
    assert container_ports((), hints.cmd)[0] in (options.port, 8000)
    assert hints.ports == ((options.port, "tcp"),)


def test_the_whole_file_once() -> None:
    texts = {"pyproject.toml": PEP621.replace("[standard]", ""), "uv.lock": "", ".python-version": "3.12"}
    made = generate(project(FASTAPI, path="src/shop/main.py", **texts), Options())
    assert made.dockerfile == GOLDEN


GOLDEN = """\
FROM python:3.12-slim AS builder
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \\
    PIP_ROOT_USER_ACTION=ignore \\
    UV_PROJECT_ENVIRONMENT=/opt/venv \\
    UV_COMPILE_BYTECODE=1 \\
    UV_LINK_MODE=copy \\
    UV_PYTHON_DOWNLOADS=never \\
    UV_SYSTEM_CERTS=1
RUN --mount=type=cache,target=/root/.cache/pip pip install uv

# Runs again only when pyproject.toml or uv.lock changes; downloads are kept between builds.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-install-project

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \\
    PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONPATH=/app/src
# The application may write into its folder, and changes nothing of its own code.
RUN useradd --uid 1000 --create-home app && install --directory --owner=app --group=app /app
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv

# Runs again with every save, so it comes last.
COPY . .

USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \\
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000), 3).close()"]
CMD ["uvicorn", "shop.main:app", "--host", "0.0.0.0", "--port", "8000"]
"""


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".git/HEAD", True),
        (".env", True),
        ("app/.env.local", True),
        ("env/lib/python3.13/site-packages/x.py", True),
        ("app/__pycache__/main.cpython-313.pyc", True),
        ("Dockerfile", True),
        ("README.md", True),
        ("docs/page.md", False),
        ("requirements.txt", False),
        ("app/main.py", False),
        ("app/environment.py", False),
        ("app/build/__init__.py", False),
        ("templates/index.html", False),
        ("uv.lock", False),
    ],
)
def test_what_is_left_out(path: str, ignored: bool) -> None:
    rules = IgnoreRules(DOCKERIGNORE.encode())
    parts = path.split("/")
    outer = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    assert any(rules.verdict(each).excluded for each in outer) is ignored


def test_an_ignore_file_keeps_its_lines_and_gets_those_that_are_missing() -> None:
    mine = "# mine\nsecret\n.git\n"
    both = with_rules(mine, DOCKERIGNORE)
    assert both.startswith(mine)
    assert both.count(".git\n") == 1
    assert "**/.venv\n" in both
    assert with_rules(both, DOCKERIGNORE) == both
    assert with_rules("", DOCKERIGNORE) == DOCKERIGNORE
    assert with_rules(DOCKERIGNORE, DOCKERIGNORE) == DOCKERIGNORE


@pytest.mark.parametrize(
    ("texts", "local"),
    [
        (
            {"requirements.txt": "-e ./libs/a[x]\nlibs/b  # ours\n./c-1.whl\n--find-links=wheels\nflask\n"},
            ("libs/a", "libs/b", "c-1.whl", "wheels"),
        ),
        ({"requirements.txt": "git+https://x/y\nhttps://x/y.whl\na @ https://x/z\n-f https://x/y\n"}, ()),
        (
            {
                "pyproject.toml": '[project]\ndependencies = ["flask", "a", "b"]\n[tool.uv.sources]\n'
                'a = { path = "./libs/a", editable = true }\nb = [{ path = "b", marker = "x" }]\n'
                'only-for-tests = { path = "t" }\n'
            },
            ("libs/a", "b"),
        ),
        ({"pyproject.toml": f'{POETRY}a = {{ path = "a", develop = true }}\n'}, ("a",)),
        (
            {
                "pyproject.toml": '[project]\ndependencies = ["flask", "a @ file:///${PROJECT_ROOT}/libs/a"]\n',
                "pdm.lock": "",
            },
            ("libs/a",),
        ),
        ({"Pipfile": '[packages]\nflask = "*"\na = { path = "./a", editable = true }\n'}, ("a",)),
    ],
)
def test_packages_of_the_folder_itself_are_there_when_they_are_installed(
    texts: dict[str, str], local: tuple[str, ...]
) -> None:
    made = generate(project(FLASK, **texts), Options())
    assert made.basis.dependencies.local == local
    lines = made.dockerfile.splitlines()
    copied = [line for line in lines if line.startswith("COPY") and line.split()[1] in local]
    targets = ["./" if path.endswith(".whl") else f"./{path}/" for path in local]
    assert copied == [f"COPY {path} {target}" for path, target in zip(local, targets, strict=True)]
    install = max(number for number, line in enumerate(lines) if line.startswith("RUN --mount=type=cache"))
    assert all(lines.index(line) < install for line in copied)


def test_a_package_outside_of_the_folder_is_told() -> None:
    made = generate(project(FLASK, **{"requirements.txt": "flask\ngunicorn\n-e ../shared\n"}), Options())
    assert made.basis.dependencies.local == ()
    (told,) = made.notices
    assert told.startswith("../shared lies outside of the project's folder")


def test_a_folder_whose_name_has_a_space() -> None:
    made = generate(project(FLASK, path="my app/web.py", **{"requirements.txt": "flask"}), Options())
    assert 'PYTHONPATH="/app/my app"' in made.dockerfile
    parse(made.dockerfile)


def test_the_name_that_a_repository_is_given() -> None:
    texts = {"requirements.txt": "git+https://github.com/pallets/flask@3.1#egg=Flask\ngunicorn"}
    assert generate(project(FLASK, **texts), Options()).notices == ()


def test_what_an_ignore_file_keeps_in_stays_in() -> None:
    both = with_rules("*\n!app.py\n!README.md\n!config/.env.example\n", DOCKERIGNORE)
    rules = IgnoreRules(both.encode())
    assert not rules.verdict("README.md").excluded
    assert not rules.verdict("config/.env.example").excluded
    assert rules.verdict("app.py/__pycache__").excluded
    assert with_rules(both, DOCKERIGNORE) == both
