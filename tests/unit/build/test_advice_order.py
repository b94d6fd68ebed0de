"""Advice on the order of source and dependencies: found, and the better lines in that very Dockerfile."""

from __future__ import annotations

import pytest

from tests.unit.build.advised import FILES, advised, followed

RULE = "SourceBeforeDependencies"


@pytest.mark.parametrize(
    ("lines", "hint", "better"),
    [
        (
            ("COPY . .", "RUN pip install -q -r requirements.txt"),
            "copy requirements.txt before the source",
            ("COPY requirements.txt ./", "RUN pip install -q -r requirements.txt", "COPY . ."),
        ),
        (
            ("COPY --chown=app:app . /code", "RUN pip install \\", "  -r /code/requirements/dev.txt"),
            "copy dev.txt before the source",
            (
                "COPY --chown=app:app requirements/dev.txt /code/requirements/",
                "RUN pip install \\",
                "  -r /code/requirements/dev.txt",
                "COPY --chown=app:app . /code",
            ),
        ),
        (
            (
                "COPY . .",
                "ENV A=1",
                "RUN python -m compileall app",
                "# them all",
                "RUN pip install -r requirements.txt",
            ),
            "copy requirements.txt before the source",
            (
                "ENV A=1",
                "COPY requirements.txt ./",
                "# them all",
                "RUN pip install -r requirements.txt",
                "COPY . .",
                "RUN python -m compileall app",
            ),
        ),
        (
            ("COPY app app", "COPY requirements.txt .", "RUN pip install -r requirements.txt"),
            "copy requirements.txt before the source",
            ("COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY app app"),
        ),
        (
            ("COPY requirements.txt .", "COPY app app", "RUN pip install -r requirements.txt"),
            "move RUN pip install -r requirements.txt above line 3",
            ("RUN pip install -r requirements.txt", "COPY app app"),
        ),
        (
            ("COPY . .", "RUN uv sync --locked"),
            "copy pyproject.toml and uv.lock before the source",
            (
                "COPY pyproject.toml uv.lock ./",
                "RUN uv sync --no-install-project --locked",
                "COPY . .",
                "RUN uv sync --locked",
            ),
        ),
        (
            ("COPY . .", "RUN poetry install --only main"),
            "copy pyproject.toml before the source",
            (
                "COPY pyproject.toml ./",
                "RUN poetry install --no-root --only main",
                "COPY . .",
                "RUN poetry install --only main",
            ),
        ),
        (
            ("COPY . .", "RUN pip install ."),
            "copy pyproject.toml before the source",
            (
                "COPY pyproject.toml ./",
                "RUN pip install --no-cache-dir uv && uv pip install --system -r pyproject.toml",
                "COPY . .",
                "RUN pip install --no-deps .",
            ),
        ),
        (
            ("COPY . .", "RUN cd web && npm ci"),
            "copy package.json and package-lock.json before the source",
            ("COPY web/package.json web/package-lock.json ./web/", "RUN cd web && npm ci", "COPY . ."),
        ),
        (
            ("COPY . .", "RUN apt-get update && apt-get install -y curl"),
            "move RUN apt-get update && apt-get install -y curl above line 2",
            ("RUN apt-get update && apt-get install -y curl", "COPY . ."),
        ),
        (
            ("ADD app app", 'RUN ["pip", "install", "gunicorn"]'),
            'move RUN ["pip", "install", "gunicorn"] above line 2',
            ('RUN ["pip", "install", "gunicorn"]', "ADD app app"),
        ),
        (
            ("COPY . .", "RUN <<EOF", "pip install gunicorn", "EOF"),
            "move RUN <<EOF above line 2",
            ("RUN <<EOF", "pip install gunicorn", "EOF", "COPY . ."),
        ),
    ],
)
def test_the_better_order(lines: tuple[str, ...], hint: str, better: tuple[str, ...]) -> None:
    text = "\n".join(("FROM base:1", *lines, 'CMD ["x"]', ""))
    (only,) = advised(text, RULE)
    assert (only.hint, only.better, only.file) == (hint, better, "Dockerfile")
    assert text.split("\n")[only.line - 1].startswith("RUN ")
    assert "copies the source before it" in only.message
    assert advised(followed(text, only), RULE) == ()


@pytest.mark.parametrize(
    "lines",
    [
        ("COPY . .", "WORKDIR /web", "RUN pip install -r requirements.txt"),
        ("COPY . .", "USER app", "RUN pip install -r requirements.txt"),
    ],
)
def test_where_moving_would_change_more_than_the_order_no_lines_are_told(lines: tuple[str, ...]) -> None:
    (only,) = advised("\n".join(("FROM base:1", *lines)), RULE)
    assert (only.better, only.into) == ((), "")
    assert only.hint == "copy requirements.txt before the source"


def test_source_that_a_base_stage_copies() -> None:
    text = "FROM base:1 AS one\nCOPY . .\nFROM one\nRUN pip install gunicorn\n"
    (only,) = advised(text, RULE)
    assert (only.line, only.better) == (4, ())
    assert advised(text, RULE, target="one") == ()


def test_a_trigger_counts_in_the_stage_where_it_runs() -> None:
    text = "FROM base:1 AS one\nONBUILD COPY . .\nFROM one\nRUN pip install gunicorn\n"
    (only,) = advised(text, RULE)
    assert (only.line, only.better) == (4, ())


def test_only_what_reaches_the_target_counts() -> None:
    text = "FROM base:1 AS one\nCOPY . .\nRUN pip install x\nFROM base:1\nCOPY --from=one /a /a\n"
    assert len(advised(text, RULE)) == 1
    unused = "FROM base:1 AS one\nCOPY . .\nRUN pip install x\nFROM base:1\nCOPY app app\n"
    assert advised(unused, RULE) == ()


def test_a_mount_of_the_source() -> None:
    text = "FROM base:1\nRUN --mount=type=bind,target=/src pip install -r /src/requirements.txt\n"
    (only,) = advised(text, "SourceMountedForDependencies")
    assert "since it mounts the source" in only.message
    assert only.hint.endswith("--mount=type=bind,source=requirements.txt,target=requirements.txt")


@pytest.mark.parametrize(
    "lines",
    [
        ("COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY . ."),
        ("COPY requirements requirements", "RUN pip install -r requirements/dev.txt", "COPY app app"),
        ("RUN --mount=type=bind,source=requirements.txt,target=r.txt pip install -r r.txt", "COPY . ."),
        ("COPY pyproject.toml uv.lock ./", "RUN uv sync --no-install-project", "COPY . .", "RUN uv sync"),
        ("COPY . .", "RUN pip install --no-deps ."),
        ("COPY . .", "RUN make install"),
        ("RUN apt-get update && apt-get install -y curl", "COPY . ."),
    ],
)
def test_a_good_order(lines: tuple[str, ...]) -> None:
    assert advised("\n".join(("FROM base:1", *lines)), RULE) == ()


def test_without_source_in_the_context_nothing_comes_after_it() -> None:
    text = "FROM base:1\nCOPY . .\nRUN pip install gunicorn\n"
    assert advised(text, RULE, files=("requirements.txt",)) == ()
    assert len(advised(text, RULE, files=FILES)) == 1


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    text = "\ufeffFROM base:1\r\nCOPY . .\r\nRUN pip install -r requirements.txt\r\n"
    (only,) = advised(text, RULE)
    assert only.better == ("COPY requirements.txt ./", "RUN pip install -r requirements.txt", "COPY . .")


def test_credentials_are_not_repeated() -> None:
    text = "FROM base:1\nCOPY . .\nRUN pip install --index-url https://me:pass@x.org/ tea\n"
    (only,) = advised(text, RULE)
    assert "pass" not in only.message + only.hint


@pytest.mark.parametrize(
    ("files", "listing"), [(("setup.py", "app/main.py"), True), (("pyproject.toml", "app/main.py"), False)]
)
def test_of_dependencies_that_only_the_build_knows_no_lines_are_told(
    files: tuple[str, ...], listing: bool
) -> None:
    text = "FROM python:3.13-slim\nCOPY . .\nRUN pip install --no-cache-dir .\n"
    (found,) = advised(text, "SourceBeforeDependencies", files=files, listing=listing)
    assert found.better == ()
    assert found.hint == "list the dependencies in requirements.txt, and install that before the source"


def test_the_extras_of_the_project_are_installed_too() -> None:
    text = "FROM python:3.13-slim\nCOPY . .\nRUN pip install --no-cache-dir -e '.[dev,aws]'\n"
    (found,) = advised(text, "SourceBeforeDependencies")
    assert found.better[1].endswith("-r pyproject.toml --extra dev --extra aws")


def test_into_the_virtual_environment_that_pip_installs_into() -> None:
    text = (
        "FROM python:3.13-slim\nRUN python -m venv /v\nENV PATH=/v/bin:$PATH\nCOPY . .\n"
        "RUN pip install --no-cache-dir .\n"
    )
    (found,) = advised(text, "SourceBeforeDependencies")
    assert found.better[1].endswith('uv pip install --python "$(which python)" -r pyproject.toml')


def test_what_else_a_run_does_may_need_the_source() -> None:
    text = "FROM python:3.13-slim\nCOPY . .\nRUN pip install -r requirements.txt && chmod +x run.sh\n"
    (found,) = advised(text, "SourceBeforeDependencies")
    assert found.better == ()
