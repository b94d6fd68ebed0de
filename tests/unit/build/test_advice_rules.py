"""Each rule of the advice: where it speaks, where it is silent, and that its better lines silence it."""

from __future__ import annotations

import pytest

from devbox.build.advice import Advice
from tests.unit.build.advised import advised, followed

PYTHON = "FROM python:3.13-slim\n"
SERVED = 'EXPOSE 8000\nUSER 1000\nCMD ["uvicorn", "app:app"]\n'


def only(text: str, rule: str, **known: object) -> Advice:
    """The one piece of advice of a rule; what it says to write silences it."""
    (found,) = advised(text, rule, **known)  # type: ignore[arg-type]
    assert text.split("\n")[found.line - 1].strip()
    if found.into == "Dockerfile":
        assert advised(followed(text, found), rule, **known) == ()  # type: ignore[arg-type]
    return found


class TestCopyWithoutIgnoreFile:
    RULE = "CopyWithoutIgnoreFile"

    def test_everything_is_copied_and_nothing_left_out(self) -> None:
        files = ("app.py", "web/node_modules/x/y.js")
        found = only(f"{PYTHON}WORKDIR /a\nCOPY . .\n", self.RULE, ignores=False, files=files)
        assert (found.line, found.into) == (3, ".dockerignore")
        assert found.better == (".git", "**/.venv", "**/__pycache__", ".env", "**/node_modules")

    @pytest.mark.parametrize("copy", ["COPY app app", "COPY --exclude=.git . .", "COPY --from=x . ."])
    def test_not_everything(self, copy: str) -> None:
        assert advised(f"{PYTHON}{copy}\n", self.RULE, ignores=False) == ()

    def test_with_an_ignore_file(self) -> None:
        assert advised(f"{PYTHON}COPY . .\n", self.RULE) == ()


class TestAptGetUpdateAlone:
    RULE = "AptGetUpdateAlone"

    def test_joined_with_the_install(self) -> None:
        install = "RUN --mount=type=tmpfs,target=/t apt-get install -y curl \\\n  git\n"
        text = f"{PYTHON}RUN apt-get update\nENV A=1\n{install}"
        found = only(text, self.RULE)
        assert (found.line, found.first, found.last) == (2, 2, 5)
        assert found.better == (
            "ENV A=1",
            "RUN --mount=type=tmpfs,target=/t apt-get update && apt-get install -y curl \\",
            "  git",
        )

    def test_of_no_use(self) -> None:
        found = only(f"{PYTHON}RUN apt-get update -qq\nRUN echo\n", self.RULE)
        assert (found.better, found.first, found.last) == ((), 2, 2)

    def test_the_install_is_in_another_stage(self) -> None:
        text = "FROM debian:12 AS one\nRUN apt-get update\nFROM one\nRUN apt-get install -y curl\n"
        assert only(text, self.RULE).into == ""

    @pytest.mark.parametrize(
        "run",
        [
            "RUN apt-get update && apt-get install -y curl",
            "RUN apt-get update; apt-get -y install curl && rm -rf /var/lib/apt/lists/*",
            "RUN <<EOF\napt-get update\napt-get install -y curl\nEOF",
            "RUN set -eux; \\\n    apt-get update; \\\n    DEBIAN_FRONTEND=x apt-get install curl",
            "RUN apt-get update && ./install.sh",
            "RUN --mount=type=cache,target=/var/lib/apt apt-get update\nRUN apt-get install -y x",
            "RUN echo apt-get update",
        ],
    )
    def test_together(self, run: str) -> None:
        assert advised(f"{PYTHON}{run}\n", self.RULE) == ()


class TestPackageCacheInImage:
    RULE = "PackageCacheInImage"

    @pytest.mark.parametrize(
        ("run", "better"),
        [
            (
                "RUN pip install -r requirements.txt",
                "RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt",
            ),
            (
                "RUN --network=host python3 -m pip install tea",
                "RUN --mount=type=cache,target=/root/.cache/pip --network=host python3 -m pip install tea",
            ),
            (
                "RUN uv sync --locked",
                "RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked",
            ),
            (
                "RUN poetry install",
                "RUN --mount=type=cache,target=/root/.cache/pypoetry poetry install",
            ),
            ("USER app\nRUN pip install --user tea", "RUN pip install --no-cache-dir --user tea"),
        ],
    )
    def test_a_cache_is_left(self, run: str, better: str) -> None:
        assert only(f"{PYTHON}{run}\n", self.RULE).better == (better,)

    def test_in_a_here_document(self) -> None:
        found = only(f"{PYTHON}RUN <<EOF\npip install tea\nEOF\n", self.RULE)
        assert found.better[0] == "RUN --mount=type=cache,target=/root/.cache/pip <<EOF"

    @pytest.mark.parametrize(
        "run",
        [
            "RUN pip install --no-cache-dir tea",
            "RUN pip --no-cache-dir install tea",
            "RUN --mount=type=cache,target=/root/.cache/pip pip install tea",
            "RUN --mount=type=cache,target=/root/.cache \\\n    pip install tea",
            "ENV PIP_NO_CACHE_DIR=1\nRUN pip install tea",
            "ENV PIP_NO_CACHE_DIR=off PIP_NO_CACHE_DIR=true\nRUN pip install tea",
            "ENV PIP_NO_CACHE_DIR=off\nRUN pip install tea",
            "ARG PIP_NO_CACHE_DIR=1\nRUN pip install tea",
            "RUN pip install tea && rm -rf /root/.cache",
            "RUN pip install tea && pip cache purge",
            "RUN pip config set global.no-cache-dir true\nRUN pip install tea",
            "COPY pip.conf /etc/pip.conf\nRUN pip install tea",
            "ENV UV_NO_CACHE=1\nRUN uv sync",
            "RUN uv sync --no-cache",
            "ENV POETRY_CACHE_DIR=/tmp/c\nRUN poetry install && rm -rf $POETRY_CACHE_DIR",
            "RUN pip install --no-deps .",
            "RUN pip list && echo pip install tea",
            "RUN apt-get install -y python3-pip",
        ],
    )
    def test_none_is_left(self, run: str) -> None:
        assert advised(f"{PYTHON}{run}\n", self.RULE) == ()

    def test_a_cache_of_the_system_is_another_one(self) -> None:
        text = f"{PYTHON}RUN --mount=type=cache,target=/var/cache/apt pip install tea\n"
        assert len(advised(text, self.RULE)) == 1

    def test_what_a_stage_downloads_that_is_not_shipped(self) -> None:
        text = f"{PYTHON.strip()} AS one\nRUN pip install --target /p tea\n{PYTHON}COPY --from=one /p /p\n"
        assert advised(text, self.RULE) == ()
        assert len(advised(text, self.RULE, target="one")) == 1
        assert len(advised("FROM python:3.13 AS one\nRUN pip install tea\nFROM one\n", self.RULE)) == 1

    def test_a_switch_of_an_earlier_stage(self) -> None:
        text = "FROM python:3.13 AS one\nENV PIP_NO_CACHE_DIR=1\nFROM one\nRUN pip install tea\n"
        assert advised(text, self.RULE) == ()


class TestBuildToolsInFinalStage:
    RULE = "BuildToolsInFinalStage"
    TOOLS = "RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev curl"

    def test_two_stages_in_their_place(self) -> None:
        tools = self.TOOLS.replace("libpq-dev curl", "g++")
        text = (
            f"{PYTHON}WORKDIR /app\n{tools}\nCOPY requirements.txt .\n"
            f"RUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\n{SERVED}"
        )
        found = only(text, self.RULE)
        assert found.message.startswith("gcc and 1 more stays in the image")
        assert found.better == (
            "FROM python:3.13-slim AS builder",
            "WORKDIR /app",
            tools,
            "COPY requirements.txt .",
            "RUN python -m venv /opt/venv",
            "ENV PATH=/opt/venv/bin:$PATH",
            "RUN pip install --no-cache-dir -r requirements.txt",
            "",
            "FROM python:3.13-slim",
            "WORKDIR /app",
            "COPY --from=builder /opt/venv /opt/venv",
            "ENV PATH=/opt/venv/bin:$PATH",
            "COPY . .",
            *SERVED.splitlines(),
        )

    @pytest.mark.parametrize(
        "above",
        [
            # Without its library psycopg2 is not imported, without curl a health check fails, and so on.
            TOOLS,
            f"{TOOLS.replace(' libpq-dev curl', '')} && useradd app",
            f"{TOOLS.replace(' libpq-dev curl', '')}\nRUN useradd app",
            f"{TOOLS.replace(' libpq-dev curl', '')}\nCOPY pip.conf /etc/",
            f"{TOOLS.replace(' libpq-dev curl', '')}\nENV PATH=/usr/local/bin:$PATH",
        ],
    )
    def test_what_the_application_may_need_too_no_lines_are_told_of(self, above: str) -> None:
        installs = "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt"
        found = advised(f"{PYTHON}{above}\n{installs}\nCOPY app app\n{SERVED}", self.RULE)
        assert [each.better for each in found] == [()]

    def test_with_other_installs_beside_it_no_lines_are_told(self) -> None:
        text = f"{PYTHON}{self.TOOLS}\nRUN pip install a\nRUN pip install b\n{SERVED}"
        assert only(text, self.RULE).into == ""

    @pytest.mark.parametrize(
        "text",
        [
            f"{PYTHON}RUN apt-get install -y curl\nRUN pip install a\n{SERVED}",
            f"{PYTHON}{TOOLS} && pip install a && apt-get purge -y gcc\n{SERVED}",
            f"FROM alpine:3.20\nRUN apk add --virtual .b gcc\nRUN pip install a\n{SERVED}",
            f"{PYTHON.strip()} AS one\n{TOOLS}\nRUN pip install a\n{PYTHON}COPY --from=one /a /a\n{SERVED}",
            f"{PYTHON}{TOOLS}\n{SERVED}",
            f"{PYTHON}{TOOLS}\nRUN pip install a\n",
            f"{PYTHON.strip()} AS development\n{TOOLS}\nRUN pip install a\n{SERVED}",
        ],
    )
    def test_none(self, text: str) -> None:
        assert advised(text, self.RULE) == ()


class TestDeprecatedBaseImage:
    RULE = "DeprecatedBaseImage"

    @pytest.mark.parametrize(
        ("image", "better"),
        [
            ("tiangolo/uvicorn-gunicorn-fastapi:python3.11", "python:3.13-slim"),
            ("docker.io/tiangolo/uvicorn-gunicorn", "python:3.13-slim"),
            ("python:3.8", "python:3.13"),
            ("library/python:3.7.4-slim-buster", "python:3.13-slim"),
            ("python:2.7-alpine3.11", "python:3.13-alpine"),
            ("python:3.12-slim-buster", "python:3.12-slim"),
            ("python:3.9@sha256:" + "a" * 64, "python:3.13"),
        ],
    )
    def test_a_better_one(self, image: str, better: str) -> None:
        assert only(f"FROM {image} AS x\n", self.RULE).better == (f"FROM {better} AS x",)

    @pytest.mark.parametrize("image", ["centos:7", "openjdk:17", "debian:buster-slim"])
    def test_without_a_better_one(self, image: str) -> None:
        assert only(f"FROM {image}\n", self.RULE).into == ""

    def test_a_version_that_an_argument_gives(self) -> None:
        text = "ARG V=3.13\nFROM python:${V}\n"
        assert advised(text, self.RULE) == ()
        assert only(text, self.RULE, build_args={"V": "3.6"}).line == 2

    @pytest.mark.parametrize(
        "image",
        ["python:3.13", "python:3.10-slim", "python:3", "debian:bookworm", "own/python:3.8", "scratch"],
    )
    def test_none(self, image: str) -> None:
        assert advised(f"FROM {image}\n", self.RULE) == ()


class TestUnpinnedBaseImage:
    RULE = "UnpinnedBaseImage"

    @pytest.mark.parametrize(
        ("image", "better"),
        [
            ("python", "FROM python:3.13"),
            ("python:latest", "FROM python:3.13"),
            ("python:slim-bookworm", "FROM python:3.13-slim-bookworm"),
        ],
    )
    def test_python(self, image: str, better: str) -> None:
        assert only(f"FROM {image}\n", self.RULE).better == (better,)

    @pytest.mark.parametrize("image", ["debian:stable-slim", "node:lts", "reg.example.com:5000/team/base"])
    def test_others(self, image: str) -> None:
        assert only(f"FROM {image}\n", self.RULE).into == ""

    @pytest.mark.parametrize(
        "text",
        [
            "FROM python:3.13-slim\n",
            "FROM python@sha256:" + "a" * 64 + "\n",
            "FROM reg.example.com:5000/team/base:1\n",
            "FROM scratch\n",
            "FROM python:3.13 AS base\nFROM base\n",
            "ARG BASE=python:3.13\nFROM $BASE\n",
            "FROM base:${TARGETARCH}\n",
            "FROM python:3.13\nCOPY --from=tools /x /x\n",
        ],
    )
    def test_none(self, text: str) -> None:
        assert advised(text, self.RULE) == ()

    def test_a_stage_that_the_target_does_not_need(self) -> None:
        assert advised("FROM python AS x\nFROM python:3.13\n", self.RULE) == ()


class TestShellForm:
    RULE = "JSONArgsRecommended"

    @pytest.mark.parametrize(
        ("command", "better"),
        [
            ("CMD uvicorn app:app --host 0.0.0.0", 'CMD ["uvicorn", "app:app", "--host", "0.0.0.0"]'),
            ("ENTRYPOINT python 'my app.py'", 'ENTRYPOINT ["python", "my app.py"]'),
            ("CMD x --port ${PORT:-80}", 'CMD ["sh", "-c", "exec x --port ${PORT:-80}"]'),
            ("CMD ./migrate && A=1 x run", 'CMD ["sh", "-c", "./migrate && exec env A=1 x run"]'),
        ],
    )
    def test_the_json_form(self, command: str, better: str) -> None:
        assert only(f"{PYTHON}{command}\n", self.RULE).better == (better,)

    @pytest.mark.parametrize("command", ["CMD a | b", "CMD a & b", "CMD if a; then b; fi"])
    def test_what_needs_its_shell_is_not_rewritten(self, command: str) -> None:
        assert only(f"{PYTHON}{command}\n", self.RULE).into == ""

    @pytest.mark.parametrize(
        "text",
        [
            'CMD ["uvicorn", "app:app"]\n',
            "CMD exec uvicorn app:app\n",
            "CMD a && exec uvicorn app:app\n",
            'SHELL ["bash", "-c"]\nCMD uvicorn app:app\n',
            'CMD uvicorn app:app\nCMD ["uvicorn", "app:app"]\n',
            'ENTRYPOINT ["tini", "--"]\nCMD ["x"]\n',
            "ENTRYPOINT []\n",
            "HEALTHCHECK CMD curl localhost\n",
        ],
    )
    def test_none(self, text: str) -> None:
        assert advised(PYTHON + text, self.RULE) == ()

    def test_an_entry_point_in_shell_form_is_given_no_command(self) -> None:
        assert [each.line for each in advised(f"{PYTHON}ENTRYPOINT a\nCMD b\n", self.RULE)] == [2]
        above = 'FROM python:3.13 AS a\nCMD b\nFROM a\nENTRYPOINT ["c"]\n'
        assert advised(above, self.RULE) == ()

    def test_that_of_the_base_stage_counts(self) -> None:
        assert only("FROM python:3.13 AS a\nCMD x\nFROM a\nRUN y\n", self.RULE).line == 2
        assert advised('FROM python:3.13 AS a\nCMD x\nFROM python:3.13\nCMD ["y"]\n', self.RULE) == ()


def test_an_image_of_which_there_are_no_versions_needs_none() -> None:
    text = 'FROM gcr.io/distroless/python3-debian12\nCOPY app app\nCMD ["app.py"]\n'
    assert advised(text, "UnpinnedBaseImage") == ()


class TestRootUser:
    RULE = "RootUser"

    def test_nobody_else_is_named(self) -> None:
        found = only(f'{PYTHON}COPY . .\n# run\nCMD ["x"]\n', self.RULE)
        assert (found.line, found.better, found.first, found.last) == (4, ("USER 1000:1000",), 3, 2)

    @pytest.mark.parametrize("user", ["root", "0", "root:root", "0:0"])
    def test_root_is_named(self, user: str) -> None:
        assert only(f'{PYTHON}USER app\nUSER {user}\nCMD ["x"]\n', self.RULE).line == 3

    def test_what_lies_in_roots_home_stays_with_root(self) -> None:
        assert only(f'{PYTHON}ENV PATH=/root/.local/bin:$PATH\nCMD ["x"]\n', self.RULE).into == ""

    @pytest.mark.parametrize(
        "text",
        [
            f'{PYTHON}CMD ["uv", "run", "uvicorn", "app:app"]\n',
            f"{PYTHON}CMD exec poetry run uvicorn app:app\n",
            f'{PYTHON}RUN pip install --user tea\nCMD ["x"]\n',
            f'{PYTHON}ENV PATH=$HOME/.local/bin:$PATH\nCMD ["x"]\n',
            'FROM debian:13\nRUN uv sync --no-cache\nCMD ["/app/.venv/bin/uvicorn", "app:app"]\n',
        ],
    )
    def test_of_what_lies_in_a_home_no_lines_are_told(self, text: str) -> None:
        assert only(text, self.RULE).into == ""

    @pytest.mark.parametrize(
        "text",
        [
            f'{PYTHON}USER app\nCMD ["x"]\n',
            f'{PYTHON}USER 1000:1000\nCMD ["x"]\n',
            f'{PYTHON}ARG U\nUSER $U\nCMD ["x"]\n',
            f'{PYTHON.strip()} AS base\nUSER app\nFROM base\nCMD ["x"]\n',
            'FROM own/base:1\nCMD ["x"]\n',
            f'{PYTHON}ENTRYPOINT ["gosu", "app", "x"]\n',
            f'{PYTHON}RUN apt-get install -y gosu\nENTRYPOINT ["/entry"]\n',
            PYTHON,
        ],
    )
    def test_none(self, text: str) -> None:
        assert advised(text, self.RULE) == ()


class TestMissingExpose:
    RULE = "MissingExpose"

    def test_the_port_that_the_command_names(self) -> None:
        found = only(f'{PYTHON}COPY . .\n# run it\nCMD ["x"]\n', self.RULE, port=80)
        assert (found.line, found.better, found.first, found.last) == (4, ("EXPOSE 80",), 3, 2)

    @pytest.mark.parametrize(
        "text",
        [
            f'{PYTHON}EXPOSE 80\nCMD ["x"]\n',
            f'{PYTHON.strip()} AS a\nEXPOSE 80\nFROM a\nCMD ["x"]\n',
            'FROM own/base:1\nCMD ["x"]\n',
            PYTHON,
        ],
    )
    def test_none(self, text: str) -> None:
        assert advised(text, self.RULE, port=80) == ()

    def test_a_command_that_serves_nothing(self) -> None:
        assert advised(f'{PYTHON}CMD ["worker"]\n', self.RULE) == ()


class TestSecrets:
    RULE = "SecretsUsedInArgOrEnv"

    def test_an_argument_becomes_a_mounted_secret(self) -> None:
        run = "pip install --index-url https://me:{}@x tea"
        text = f"{PYTHON}ARG PIP_TOKEN\nWORKDIR /a\nRUN {run.format('${PIP_TOKEN}')}\n"
        found = only(text, self.RULE)
        assert found.better == (
            "WORKDIR /a",
            f"RUN --mount=type=secret,id=pip_token {run.format('$(cat /run/secrets/pip_token)')}",
        )
        assert found.hint.endswith('[secrets.pip_token] env = "PIP_TOKEN"')

    @pytest.mark.parametrize(
        "rest", ["RUN echo '$PIP_TOKEN'", "RUN a $PIP_TOKEN\nRUN b $PIP_TOKEN", "COPY $PIP_TOKEN .", "RUN a"]
    )
    def test_where_it_is_not_that_plain(self, rest: str) -> None:
        assert only(f"{PYTHON}ARG PIP_TOKEN\n{rest}\n", self.RULE).into == ""

    def test_a_variable_is_left_out(self) -> None:
        found = only(f"{PYTHON}ENV API_KEY=abc\n", self.RULE)
        assert (found.better, found.first, found.last) == ((), 2, 2)
        assert "env_file" in found.hint

    @pytest.mark.parametrize(
        "line",
        [
            "ENV DATABASE_PASSWORD=tea",
            "ENV A=1 SECRET_KEY=x",
            "ARG GITHUB_TOKEN",
            "ARG github_token=abc",
            "ENV AWS_SECRET_ACCESS_KEY=$X",
            "ENV AUTH=me:pw",
            "ENV BASIC_AUTH=me:pw",
        ],
    )
    def test_names_that_tell(self, line: str) -> None:
        assert len(advised(f"{PYTHON}{line}\n", self.RULE)) == 1

    def test_before_the_first_stage_and_in_a_stage_that_is_needed(self) -> None:
        assert only(f"ARG TOKEN\n{PYTHON}", self.RULE).line == 1
        text = "FROM a:1 AS x\nARG TOKEN\nFROM a:1 AS y\nARG TOKEN\nFROM a:1\nCOPY --from=y /a /a\n"
        assert only(text, self.RULE).line == 4

    @pytest.mark.parametrize(
        "line",
        [
            "ENV PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore",
            "ENV SECRET_KEY_FILE=/run/secrets/key",
            "ENV TOKEN_URL=https://x/token ACCESS_TOKEN_EXPIRE_MINUTES=30",
            "ENV USE_AUTH=true AUTH_ENABLED=yes TOKEN=",
            "ENV PUBLIC_KEY=abc GPG_KEY=abc CACHE_KEY=abc AWS_ACCESS_KEY_ID=AKIA",
            "ENV KEYBOARD=de MONKEY=x AUTHOR=me TOKENIZERS_PARALLELISM=false PASSWORDLESS=me",
            "ENV AUTH_DOMAIN=example.com AUTH_SERVICE=keycloak JWT_TOKEN_LOCATION=headers",
            "ENV S3_KEY=models/a.bin ROUTING_KEY=orders PASSWORD_HASHER=argon2 SECRET_MANAGER=aws",
            "ENV GOOGLE_APPLICATION_CREDENTIALS=/run/secrets/g.json SSL_KEY=/etc/ssl/key.pem",
            "ENV TOKEN_ENDPOINT=https://x/token AUTH_SERVER=https://x PASSWORD_RESET_TEMPLATE=reset",
            "RUN --mount=type=secret,id=token cat /run/secrets/token",
            "LABEL secret=x",
        ],
    )
    def test_names_that_do_not(self, line: str) -> None:
        assert advised(f"{PYTHON}{line}\n", self.RULE) == ()


@pytest.mark.parametrize(
    ("directive", "left"),
    [
        ("# check=skip=all", []),
        ("# check=skip=JSONArgsRecommended", ["RootUser"]),
        ("# check=skip= RootUser , JSONArgsRecommended;error=true", []),
        ("# check=error=true", ["JSONArgsRecommended", "RootUser"]),
    ],
)
def test_what_the_dockerfile_asks_not_to_be_told(directive: str, left: list[str]) -> None:
    found = advised(f"{directive}\n{PYTHON}CMD x\n")
    assert [each.rule for each in found] == left


def test_of_a_frontend_of_somebody_else_nothing_is_known() -> None:
    assert advised("# syntax=example.com/mine:1\nFROM python\nCMD x\n") == ()
    assert len(advised("# syntax=docker/dockerfile:1\nFROM python\nCMD x\n")) == 3
