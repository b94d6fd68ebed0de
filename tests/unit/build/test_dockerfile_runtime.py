"""How an image asks to be run."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import HealthCheck, RuntimeHints, parse, runtime
from devbox.errors import DockerfileError


def test_nothing_said() -> None:
    assert runtime(parse("FROM a\nRUN b\n")) == RuntimeHints()


def test_everything() -> None:
    text = """\
FROM python:3.13-slim
ARG PORT=8000
ENV DATA=/data
EXPOSE $PORT 9000-9002/tcp 53/UDP "80"
VOLUME $DATA /logs
VOLUME ["/logs", "/c d"]
WORKDIR /srv
WORKDIR app
USER app:app
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2s --start-interval=.5s --retries=4 CMD curl -f x
ENTRYPOINT ["tini", "--"]
CMD ["uvicorn", "app.main:app"]
"""
    assert runtime(parse(text), {"PORT": "8080"}) == RuntimeHints(
        ports=((8080, "tcp"), (9000, "tcp"), (9001, "tcp"), (9002, "tcp"), (53, "udp"), (80, "tcp")),
        volumes=("/data", "/logs", "/c d"),
        cmd=("uvicorn", "app.main:app"),
        entrypoint=("tini", "--"),
        healthcheck=HealthCheck("curl -f x", 90.0, 0.5, 2.0, 0.5, 4),
        workdir="/srv/app",
        user="app:app",
    )


def test_shell_forms() -> None:
    hints = runtime(parse("FROM a\nENTRYPOINT exec python -m app\nCMD $NOT_EXPANDED\n"))
    assert (hints.entrypoint, hints.cmd) == ("exec python -m app", "$NOT_EXPANDED")


def test_the_last_one_counts() -> None:
    assert runtime(parse("FROM a\nCMD one\nCMD two\nUSER x\nUSER y\n")).cmd == "two"


@pytest.mark.parametrize(
    ("line", "healthcheck"),
    [
        ("HEALTHCHECK NONE", HealthCheck(None)),
        ('HEALTHCHECK CMD ["a", "b"]', HealthCheck(("a", "b"))),
        ("HEALTHCHECK --interval=0 CMD a", HealthCheck("a", 0.0)),
    ],
)
def test_healthcheck(line: str, healthcheck: HealthCheck) -> None:
    assert runtime(parse(f"FROM a\n{line}\n")).healthcheck == healthcheck


def test_a_stage_takes_over_what_its_base_stage_says() -> None:
    text = """\
FROM a AS base
EXPOSE 80
VOLUME /a
WORKDIR /srv
USER one
ENTRYPOINT ["e"]
CMD ["base"]
FROM base AS dev
EXPOSE 81
VOLUME /b
CMD ["dev"]
FROM base AS other
ENTRYPOINT ["f"]
FROM a AS apart
WORKDIR x
"""
    read = parse(text)
    assert runtime(read, {}, "dev") == RuntimeHints(
        ports=((80, "tcp"), (81, "tcp")),
        volumes=("/a", "/b"),
        cmd=("dev",),
        entrypoint=("e",),
        workdir="/srv",
        user="one",
    )
    # A new entry point drops the command of the base, unless its own stage gave one before.
    assert runtime(read, {}, "other").cmd is None
    assert runtime(read, {}, "apart") == RuntimeHints(workdir="/x")


def test_a_command_before_the_entry_point_stays() -> None:
    assert runtime(parse('FROM a\nCMD ["x"]\nENTRYPOINT ["e"]\n')).cmd == ("x",)


@pytest.mark.parametrize("port", ["http", "70000", "90-80", "80/quic", "8o", "-1", "80-90-100"])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        runtime(parse(f"FROM a\nEXPOSE {port}\n"))
    assert f"EXPOSE: {port!r} is no port" in caught.value.what
    assert caught.value.line == 2


def test_a_port_that_cannot_be_expanded_names_its_line() -> None:
    with pytest.raises(DockerfileError) as caught:
        runtime(parse("FROM a\nEXPOSE ${A\n"))
    assert caught.value.line == 2


def test_a_published_form_names_the_container_port() -> None:
    assert runtime(parse("FROM a\nEXPOSE 127.0.0.1:8080:80 81:82/udp\n")).ports == ((80, "tcp"), (82, "udp"))
