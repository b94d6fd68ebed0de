"""Targets, the stages they need, and the images these need."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import base_images, build_steps, parse, resolve_stage, stage_closure
from devbox.errors import DockerfileError

MANY = parse(
    """\
ARG PYTHON=3.13
ARG REGISTRY
FROM ${REGISTRY:+$REGISTRY/}python:${PYTHON}-slim AS base
FROM base AS Deps
COPY --from=registry.example.org/astral-sh/uv:0.5 /uv /bin/
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=tools:1,target=/t pip install x
FROM node:22 AS assets
RUN npm run build
FROM scratch AS unused
COPY --from=busybox:1 /bin/sh /
FROM base AS final
COPY --from=deps /venv /venv
COPY --from=2 /dist /static
FROM final
RUN --mount=from=unused,target=/u true
"""
)


def test_targets() -> None:
    assert resolve_stage(MANY).index == 5
    assert resolve_stage(MANY, "deps").index == 1
    assert resolve_stage(MANY, "DEPS").name == "deps"
    assert resolve_stage(MANY, "0").name == "base"


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("finel", "did you mean final?"),
        ("zzz", "the stages are base, deps, assets, unused, final"),
        ("6", "the stages are base, deps, assets, unused, final"),
        ("-1", "the stages are base, deps, assets, unused, final"),
    ],
)
def test_unknown_target(target: str, hint: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        resolve_stage(MANY, target)
    assert caught.value.what == f"target stage {target!r} could not be found"
    assert caught.value.hint == hint


def test_unknown_target_where_nothing_is_named() -> None:
    with pytest.raises(DockerfileError) as caught:
        resolve_stage(parse("FROM a\n"), "x")
    assert caught.value.hint == "the Dockerfile names no stage"


@pytest.mark.parametrize(
    ("target", "stages"),
    [
        ("base", [0]),
        ("deps", [0, 1]),
        ("assets", [2]),
        ("unused", [3]),
        ("final", [0, 1, 2, 4]),
        ("", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_closure(target: str, stages: list[int]) -> None:
    assert [stage.index for stage in stage_closure(MANY, target)] == stages


def test_base_images() -> None:
    assert base_images(MANY, {}, "base") == ("python:3.13-slim",)
    assert base_images(MANY, {"PYTHON": "3.12", "REGISTRY": "example.org"}, "base") == (
        "example.org/python:3.12-slim",
    )
    assert base_images(MANY, {}, "final") == (
        "python:3.13-slim",
        "registry.example.org/astral-sh/uv:0.5",
        "tools:1",
        "node:22",
    )
    assert base_images(MANY, {}, "unused") == ("busybox:1",)
    assert base_images(MANY)[-1] == "busybox:1"


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM scratch\n", ()),
        ("FROM a\nFROM a AS b\nCOPY --from=0 x y\nCOPY --from=a x y\n", ("a",)),
        ("FROM a AS b\nFROM B\n", ("a",)),
        ("FROM --platform=$BUILDPLATFORM a\n", ("a",)),
        ("FROM a:$TARGETARCH\nCOPY --from=c x y\n", ("c",)),
        ("FROM a\nRUN --mount=type=secret,id=x --mount=type=tmpfs,target=/t b\n", ("a",)),
        ("FROM a\nRUN --mount=type=cache,from=c,target=/t b\n", ("a", "c")),
        ("FROM a\nRUN --mount=from=0,target=/t b\n", ("a", "0")),
        ("FROM a@sha256:00 AS b\nFROM b\n", ("a@sha256:00",)),
        ("FROM a\nARG V=2\nCOPY --from=c:$V x y\n", ("a", "c:2")),
        ("FROM a AS one\nONBUILD COPY --from=late x y\nFROM one\n", ("a", "late")),
    ],
)
def test_images_of(text: str, images: tuple[str, ...]) -> None:
    assert base_images(parse(text)) == images


def test_platform_variables_from_build_args() -> None:
    assert base_images(parse("FROM a:$TARGETARCH\n"), {"TARGETARCH": "arm64"}) == ("a:arm64",)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("ARG A\nFROM $A\n", 2, "base name ($A) should not be blank"),
        ("FROM ${A\n", 1, "unsupported modifier"),
        ("FROM a\nCOPY --from=later x y\nFROM b AS later\n", 2, "'later', it needs to be defined before"),
        ("FROM a AS me\nCOPY --from=me x y\n", 2, "'me', it needs to be defined before 'me'"),
        ("FROM a\nRUN --mount=from=later,target=/x y\nFROM b AS later\n", 2, "needs to be defined before"),
        ("FROM a\nCOPY --from=7 x y\n", 2, "invalid stage index 7"),
        ("FROM a\nRUN --mount=source=${A,target=/x y\n", 2, "unsupported modifier"),
    ],
)
def test_what_no_builder_would_take(text: str, line: int, what: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        base_images(parse(text), {}, "0")
    assert what in caught.value.what
    assert (caught.value.path, caught.value.line) == ("Dockerfile", line)


def labels(text: str, stage: int = -1) -> list[str]:
    read = parse(text)
    return [
        f"[{f'{step.stage_name} ' if step.stage_name else ''}{step.index}/{step.total}] {step.name}"
        for step in build_steps(read, read.stages[stage], {})
        if step.index
    ]


class TestAsTheTraceShowsIt:
    def test_the_only_stage_has_no_name(self) -> None:
        assert labels("FROM a AS x\nWORKDIR /app\nENV A=1\nCOPY  .  .\nRUN b\nCMD c\n") == [
            "[1/4] FROM a AS x",
            "[2/4] WORKDIR /app",
            "[3/4] COPY . .",
            "[4/4] RUN b",
        ]

    def test_a_mount_counts_as_a_stage(self) -> None:
        assert labels("FROM a\nRUN --mount=type=cache,target=/c b\n")[1].startswith(
            "[stage-0 2/2] RUN --mount"
        )

    def test_a_base_stage_and_scratch_are_not_shown(self) -> None:
        text = "FROM scratch AS one\nCOPY a b\nFROM one\nWORKDIR /\nRUN c\n"
        assert labels(text, 0) == ["[one 1/1] COPY a b"]
        assert labels(text, 1) == ["[stage-1 1/2] RUN c"]

    def test_variables_are_replaced_and_quotes_gone(self) -> None:
        text = 'FROM a\nARG V=1\nENV D=/srv\nWORKDIR $D\nCOPY "x" ${D}/$NO\nRUN echo $V "$D" $HOME\n'
        assert labels(text)[1:] == [
            "[2/4] WORKDIR /srv",
            "[3/4] COPY x /srv/",
            '[4/4] RUN echo 1 "/srv" $HOME',
        ]

    def test_heredocs_are_summed_up(self) -> None:
        assert labels("FROM a\nRUN <<EOF\necho 1\necho 2\nEOF\nRUN cat <<EOF\nx\nEOF\n")[1:] == [
            "[2/3] RUN <<EOF (echo 1...)",
            "[3/3] RUN cat <<EOF",
        ]

    def test_variables_that_nobody_set_are_left_in_commands(self) -> None:
        line = "RUN echo ${A} ${A:-b} ${A+c} ${A#d} ${A%%e} ${A/f/g}"
        assert labels(f"FROM a\n{line}\n")[1] == f"[2/2] {line}"

    def test_what_only_a_shell_can_read_is_left(self) -> None:
        assert labels("FROM a\nRUN echo ${x^^} 'y\n")[1] == "[2/2] RUN echo ${x^^} 'y"

    def test_onbuild(self) -> None:
        text = "FROM a AS one\nONBUILD RUN b\nFROM one\nRUN c\n"
        assert labels(text) == ["[stage-1 1/2] ONBUILD RUN b", "[stage-1 2/2] RUN c"]


@pytest.mark.parametrize(
    "line", ["COPY ${A b /", "COPY --exclude=${A b /", "WORKDIR ${A", "RUN --mount=source=${A b"]
)
def test_a_step_that_cannot_be_expanded_names_its_line(line: str) -> None:
    read = parse(f"FROM a\n{line}\n")
    with pytest.raises(DockerfileError) as caught:
        build_steps(read, read.stages[0], {})
    assert (caught.value.path, caught.value.line) == ("Dockerfile", 2)
