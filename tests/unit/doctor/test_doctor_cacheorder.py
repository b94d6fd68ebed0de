from __future__ import annotations

import pytest

from devbox.build.advice import Given
from devbox.build.dockerfile import parse
from devbox.doctor.cacheorder import cache_order
from devbox.doctor.finding import Finding, State

FILES = (
    "app/main.py",
    "requirements.txt",
    "requirements/dev.txt",
    "pyproject.toml",
    "uv.lock",
    "web/package.json",
    "web/package-lock.json",
    "web/src/index.ts",
)


def found(*lines: str, files: tuple[str, ...] = FILES, target: str = "") -> tuple[Finding, ...]:
    text = "\n".join(lines)
    return cache_order(Given(parse(text, "Dockerfile"), text, {}, target, files))


@pytest.mark.parametrize(
    "lines",
    [
        ("COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY . ."),
        ("COPY requirements requirements", "RUN pip install -r requirements/dev.txt", "COPY app app"),
        ("RUN --mount=type=bind,source=requirements.txt,target=r.txt pip install -r r.txt", "COPY . ."),
        ("COPY pyproject.toml uv.lock ./", "RUN uv sync --no-install-project", "COPY . .", "RUN uv sync"),
        ("COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY . .", "RUN pip install ."),
        ("COPY . .", "RUN pip install --no-deps ."),
        ("COPY . .", "RUN python -m compileall app"),
        ("COPY . .", "RUN make install"),
        ("COPY web/package.json web/package-lock.json ./", "RUN npm ci", "COPY web .", "RUN npm run build"),
        ("COPY . .", "RUN yarn build"),
        ("RUN apt-get update && apt-get install -y curl", "COPY . ."),
        ("COPY pyproject.toml setup.py* ./", "RUN pip install .", "COPY app app"),
        (),
    ],
)
def test_a_good_order(lines: tuple[str, ...]) -> None:
    (only,) = found("FROM base", *lines)
    assert only.state is State.OK


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        (
            ("COPY . .", "RUN pip install -q -r requirements.txt"),
            "copy requirements.txt before the source; devbox explain shows the better lines",
        ),
        (
            ("COPY . .", "RUN uv sync --locked"),
            "copy pyproject.toml and uv.lock before the source; devbox explain shows the better lines",
        ),
        (
            ("ADD app app", "RUN pip install gunicorn"),
            "move RUN pip install gunicorn above line 2; devbox explain shows the better lines",
        ),
    ],
)
def test_a_bad_order_and_the_next_step(lines: tuple[str, ...], step: str) -> None:
    (only,) = found("FROM base", *lines)
    assert only.state is State.WARNING
    assert only.next_step == step
    assert only.text.startswith("each save runs line 3 (RUN ")
    assert "since line 2 (" in only.text


def test_every_install_is_told_and_a_second_one_of_names_is_not_excused() -> None:
    lines = ("COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY . .")
    wrong = found("FROM base", *lines, "RUN pip install gunicorn", "RUN apk add git")
    assert [finding.next_step for finding in wrong] == [
        "move RUN pip install gunicorn above line 4; devbox explain shows the better lines",
        "move RUN apk add git above line 4; devbox explain shows the better lines",
    ]


def test_a_stage_has_what_its_base_has() -> None:
    lines = ("FROM base AS one", "COPY . .", "FROM one", "RUN pip install gunicorn")
    assert found(*lines)[0].state is State.WARNING
    assert found(*lines, target="one")[0].state is State.OK
    apart = ("FROM base AS one", "COPY . .", "FROM base", "RUN pip install gunicorn", "COPY --from=one /a /a")
    assert found(*apart)[0].state is State.OK


def test_an_install_that_mounts_the_source() -> None:
    (only,) = found("FROM base", "RUN --mount=type=bind,target=/src pip install -r /src/requirements.txt")
    assert only.state is State.WARNING
    assert "mounts the source" in only.text


def test_a_here_document_is_read_too() -> None:
    (only,) = found("FROM base", "COPY . .", "RUN <<EOF", "pip install gunicorn", "EOF")
    assert only.state is State.WARNING


def test_without_source_in_the_context_nothing_comes_after_it() -> None:
    (only,) = found("FROM base", "COPY . .", "RUN pip install gunicorn", files=("requirements.txt",))
    assert only.state is State.OK
