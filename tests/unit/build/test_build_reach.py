"""What of a context is sent: all that a COPY, an ADD or a bind mount can read, and in doubt everything."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import parse
from devbox.build.reach import reached
from devbox.model import Entry, Kind, Snapshot

FILE, FOLDER, LINK = Entry(Kind.FILE, 0o644), Entry(Kind.DIRECTORY, 0o755), Entry(Kind.SYMLINK, 0o777)
TREE = {
    ".dockerignore": FILE,
    "Dockerfile": FILE,
    "app": FOLDER,
    "app/a.py": FILE,
    "app/sub": FOLDER,
    "app/sub/b.py": FILE,
    "application": FILE,
    "link": LINK,
    "notes": FOLDER,
    "notes/link": LINK,
    "notes/n.txt": FILE,
    "pyproject.toml": FILE,
}
ALWAYS = {".dockerignore"}
APP = {"app", "app/a.py", "app/sub", "app/sub/b.py"}


def sent(*lines: str, target: str = "", syntax: str = "") -> set[str]:
    text = "".join(f"{line}\n" for line in (*([f"# syntax={syntax}"] if syntax else []), *lines))
    return set(reached(parse(text), {"WHERE": "app"}, target, Snapshot(TREE, "digest")).entries)


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("RUN true", set()),
        ("COPY app /x", APP),
        ("COPY ./app/ /x/", APP),
        ('COPY ["app", "/x"]', APP),
        ("COPY --chown=1 app/sub /x", {"app", "app/sub", "app/sub/b.py"}),
        ("COPY app/a.py pyproject.toml /x/", {"app", "app/a.py", "pyproject.toml"}),
        ("COPY p*.toml /x/", {"pyproject.toml"}),
        ("COPY n*/n.txt /x/", {"notes", "notes/n.txt"}),
        ("COPY --from=other app /x", set()),
        ("ADD https://example.com/app /x", set()),
        ("ADD app /x", APP),
        ("RUN --mount=type=bind,source=app,target=/x true", APP),
        ("RUN --mount=type=cache,target=/x true", set()),
        ("COPY nothere /x", set()),
    ],
)
def test_what_can_be_read(line: str, paths: set[str]) -> None:
    assert sent("FROM base", line) - ALWAYS == paths - ALWAYS


@pytest.mark.parametrize(
    "line",
    [
        "COPY . /x",
        "COPY ./ /x",
        "COPY link /x",
        "COPY link/deeper /x",
        "COPY notes/link /x",
        "COPY li* /x",
        "COPY */a.py /x",
        "COPY $WHERE /x",
        "COPY ${WHERE} /x",
        "COPY --from=$WHERE app /x",
        "COPY [a-b]pp /x",
        "COPY a\\pp /x",
        "ADD git@example.com:app /x",
        "RUN --mount=target=/x true",
        "RUN --mount=type=bind,source=$WHERE,target=/x true",
        "RUN --mount=type=$WHERE,target=/x true",
    ],
)
def test_in_doubt_everything(line: str) -> None:
    assert sent("FROM base", "ARG WHERE", line) == set(TREE)


def test_only_stages_that_are_built_count() -> None:
    lines = ("FROM base AS one", "COPY app /x", "FROM base AS two", "COPY notes /x", "FROM one", "COPY p* /x")
    assert sent(*lines) - ALWAYS == {*APP, "pyproject.toml"}
    assert sent(*lines, target="one") - ALWAYS == APP
    assert sent(*lines, "COPY --from=two /x /y") - ALWAYS == {
        *APP,
        "pyproject.toml",
        "notes",
        "notes/link",
        "notes/n.txt",
    }


def test_a_trigger_of_a_stage_counts() -> None:
    lines = ("FROM base AS one", "ONBUILD COPY app /x", "FROM one", "COPY p* /x")
    assert sent(*lines) - ALWAYS == {*APP, "pyproject.toml"}


def test_here_documents_are_no_files() -> None:
    assert sent("FROM base", "COPY <<one <<two app /x/", "1", "one", "2", "two") - ALWAYS == APP


def test_a_base_that_is_not_known_may_bring_anything() -> None:
    assert sent("FROM base-$TARGETARCH", "COPY app /x") == set(TREE)


def test_another_frontend_may_read_anything() -> None:
    assert sent("FROM base", "COPY app /x", syntax="docker/dockerfile:1") - ALWAYS == APP
    assert sent("FROM base", "COPY app /x", syntax="example.com/other:1") == set(TREE)
    assert sent("FROM base", "COPY --news app /x", syntax="docker/dockerfile:1") == set(TREE)
    assert sent("FROM base", "COPY --parents ./**/a.py /x", syntax="docker/dockerfile:1") == set(TREE)
