"""The loop's own events: each news said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.build.dockerfile import parse
from devbox.config import load
from devbox.daemon import news as module
from devbox.daemon.news import News, failure_of
from devbox.daemon.work import Source
from devbox.errors import BuildFailed, ConfigError, DockerfileError, StartFailed
from devbox.events import BuildFailed as BuildFailedEvent
from devbox.events import ChangeDetected, ChangeIgnored, ContextNotice, Failure, Problem
from devbox.model import ChangeSet, Entry, Kind, Snapshot

from .kit import Said, identity


def _left_out(path: str) -> bool:
    return path.endswith(".log")


def test_a_change_is_said_once_for_each_state_of_the_disk() -> None:
    said = Said()
    news = News(said)
    changes = ChangeSet(added=("a",), modified=("b",), removed=("c",))
    for name in ("1", "1", "2", "1"):
        news.change_detected(identity(name), "b and 2 more", changes, 0.123456)
    assert said.kinds == ["change.detected"] * 3
    assert said[0] == ChangeDetected(
        cause="b and 2 more", added=("a",), modified=("b",), removed=("c",), seconds=0.1235
    )


def test_a_change_that_comes_back_after_a_revert_is_said_again() -> None:
    said = Said()
    news = News(said)
    news.change_detected(identity("1"), "x", ChangeSet(), 0.0)
    news.back_to(3, ("x",))
    news.change_detected(identity("1"), "x", ChangeSet(), 0.0)
    assert said.kinds == ["change.detected", "change.ignored", "change.detected"]
    assert said[1] == ChangeIgnored(reason="back to what revision 3 serves", paths=("x",))


def test_the_same_news_is_not_said_twice_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    news = News(said)
    news.nothing_changed(("a",), _left_out)
    news.nothing_changed(("a",), _left_out)
    assert len(said) == 1
    news.nothing_changed(("b",), _left_out)
    news.nothing_changed(("a",), _left_out)
    assert len(said) == 3
    monkeypatch.setattr(module, "_SAME_NEWS", 0.0)
    news.nothing_changed(("a",), _left_out)
    assert len(said) == 4


def test_why_nothing_is_built_of_what_is_left_out() -> None:
    said = Said()
    News(said).nothing_changed(("a", "b.log"), _left_out)
    assert list(said) == [
        ChangeIgnored(reason="develop.watch leaves it out", paths=("b.log",)),
        ChangeIgnored(reason="nothing changed", paths=("a",)),
    ]


def test_a_flood_of_paths_is_cut() -> None:
    said = Said()
    news = News(said)
    many = tuple(map(str, range(1000)))
    news.change_detected(identity("1"), "x", ChangeSet(many, many, many), 0.0)
    news.nothing_changed(many, _left_out)
    assert isinstance(said[0], ChangeDetected)
    assert len(said[0].added) == len(said[0].modified) == len(said[0].removed) == 200
    assert isinstance(said[1], ChangeIgnored)
    assert len(said[1].paths) == 200


def test_settings() -> None:
    said = Said()
    news = News(said)
    news.settings_changed(("devbox.toml",))
    news.settings_refused(ConfigError("devbox.toml: unknown setting 'x'", hint="did you mean 'y'?"), ("a",))
    news.settings_refused(ConfigError("it cannot be read", cause="no TOML"), ())
    assert [event.reason for event in said if isinstance(event, ChangeIgnored)] == [
        "settings read again",
        "devbox.toml: unknown setting 'x' (did you mean 'y'?); the former settings stay",
        "it cannot be read: no TOML; the former settings stay",
    ]


def test_what_cannot_be_built_from_is_a_build_that_fails() -> None:
    said = Said()
    news = News(said)
    error = DockerfileError("there is no Dockerfile", path="Dockerfile", hint="write one")
    news.unreadable(error, 4, 3)
    failure = Failure(what="there is no Dockerfile", hint="write one")
    assert said.kinds == ["build.started", "build.failed"]
    assert said[1] == BuildFailedEvent(build=4, seconds=0.0, failure=failure, serving=3)


def test_a_save_that_cannot_be_built_is_answered() -> None:
    said = Said()
    news = News(said, frozenset({"up.log"}))
    for paths in (("up.log",), ("main.py", "up.log"), ("main.py",)):
        news.still_unreadable(DockerfileError("there is no Dockerfile", path="Dockerfile"), paths)
    reason = "what is on disk cannot be built: there is no Dockerfile"
    assert said == [ChangeIgnored(reason=reason, paths=("main.py",))]


def test_failures_carry_their_log_where_they_have_one() -> None:
    start = StartFailed("exited", exit_status=3, log=("a", "b"), cause="c", hint="h")
    assert failure_of(start) == Failure(what="exited", cause="c", hint="h", log=("a", "b"), exit_status=3)
    build = BuildFailed("RUN x", step="RUN x", exit_status=1, log=("a",))
    assert failure_of(build) == Failure(what="RUN x", log=("a",), exit_status=1)
    assert failure_of(ConfigError("w", cause="c")) == Failure(what="w", cause="c")
    long = StartFailed("exited", log=tuple(map(str, range(100))))
    problem = Problem(file="x", line=1, message="m")
    assert failure_of(long, (problem,)) == Failure(
        what="exited", log=tuple(map(str, range(60, 100))), problems=(problem,)
    )


def test_a_secret_in_the_build_context_is_told_once(tmp_path: Path) -> None:
    outside, inside = {"src": "../token"}, {"src": "./keys/../token"}
    secrets = {"a": inside, "b": outside, "c": {"src": "ignored"}, "d": {"env": "token"}}
    snapshot = Snapshot({"token": Entry(Kind.FILE, 0o600, "1", 1)}, "1")
    config = load(tmp_path, {"secrets": secrets}, {})
    source = Source(config, snapshot, parse("FROM x\n"), b"", "Dockerfile", "1", 0.0)
    said = Said()
    news = News(said)
    for _ in range(2):
        news.context(source)
    notice = "token is part of the build context: a build secret; .dockerignore keeps it out of images"
    assert said == [ContextNotice(notice=notice)]


WRITABLE = "is mounted writable and part of the build context"
CODE = "is mounted into the container and holds code"


@pytest.mark.parametrize(
    ("volumes", "notices"),
    [
        ((), []),
        (("./app:/code/app",), [f"app {CODE}"]),
        (("./app:/code/app:ro", "./uploads:/uploads"), [f"uploads {WRITABLE}", f"app {CODE}"]),
        ((".:/code",), [f". {CODE}"]),
        (("./app/main.py:/code/main.py",), [f"app/main.py {CODE}"]),
        (("./uploads:/code/uploads:ro", "data:/code/app"), []),
    ],
)
def test_what_is_mounted_is_told_by_what_it_does(
    tmp_path: Path, volumes: tuple[str, ...], notices: list[str]
) -> None:
    assert told(tmp_path, "FROM x\n", volumes=volumes) == notices


@pytest.mark.parametrize(
    ("last", "flags", "found"),
    [
        ('CMD ["uvicorn", "main:app", "--reload"]', {}, "--reload"),
        ("CMD uvicorn main:app --reload --port 80", {}, "--reload"),
        ('CMD ["uvicorn", "main:app"]', {}, ""),
        ('CMD ["uvicorn", "main:app", "--reload-dir", "x"]', {}, ""),
        ('CMD ["uvicorn", "main:app", "--reload"]', {"command": ("uvicorn", "main:app")}, ""),
        ('CMD ["uvicorn", "main:app"]', {"command": ("gunicorn", "--reload", "app:app")}, "--reload"),
        ('ENTRYPOINT ["uvicorn", "--reload"]\nCMD ["main:app"]', {}, "--reload"),
        ('CMD ["fastapi", "dev", "main.py"]', {}, "fastapi dev"),
        ('CMD ["fastapi", "dev", "--no-reload", "main.py"]', {}, ""),
        ('CMD ["fastapi", "run", "main.py"]', {}, ""),
        ('CMD ["flask", "--app", "app", "run", "--debug"]', {}, "--debug"),
        ('CMD ["flask", "--debug", "run", "--no-reload"]', {}, ""),
        ('CMD ["flask", "run"]', {"environment": {"FLASK_DEBUG": "1"}}, "FLASK_DEBUG"),
        ('CMD ["flask", "run"]', {"environment": {"FLASK_DEBUG": "False"}}, ""),
        ('CMD ["gunicorn", "app:app"]', {"environment": {"FLASK_DEBUG": "1"}}, ""),
    ],
)
def test_a_server_that_reloads_by_itself_is_told(
    tmp_path: Path, last: str, flags: dict[str, object], found: str
) -> None:
    assert told(tmp_path, f"FROM x\n{last}\n", **flags) == (
        [f"{found} loads code again by itself"] if found else []
    )


def told(root: Path, dockerfile: str, **flags: object) -> list[str]:
    """The notices as far as their colon."""
    for name in ("app", "uploads"):
        (root / name).mkdir()
    (root / "app" / "main.py").touch()
    folder, file = Entry(Kind.DIRECTORY, 0o755, "", 0), Entry(Kind.FILE, 0o600, "1", 1)
    snapshot = Snapshot({"app": folder, "app/main.py": file, "uploads": folder}, "1")
    config = load(root, flags, {})
    said = Said()
    news = News(said)
    for _ in range(2):
        news.context(Source(config, snapshot, parse(dockerfile), b"", "Dockerfile", "1", 0.0))
    return [event.notice.partition(":")[0] for event in said if isinstance(event, ContextNotice)]
