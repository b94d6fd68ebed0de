"""What cannot be parsed: what is said, where, and what to do."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devbox.build.difference import Previous
from devbox.build.dockerfile import base_images, build_steps, context_sources, parse, runtime
from devbox.build.plan import make_plan
from devbox.errors import DockerfileError
from devbox.model import ChangeSet

B = "FROM a\n"


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("", 0, "the Dockerfile cannot be empty", "FROM"),
        (" \n\t\n", 0, "the Dockerfile cannot be empty", "FROM"),
        ("# only a comment\n", 0, "file with no instructions", "FROM"),
        ("ARG A=1\n", 1, "no stages to build", "FROM"),
        (B + "\nRUNN pip\n", 3, "unknown instruction: RUNN", "did you mean RUN?"),
        (B + "copi a b\n", 2, "unknown instruction: copi", "did you mean COPY?"),
        (B + "XYZZY\n", 2, "unknown instruction: XYZZY", ""),
        (B + "&& b\n", 2, "unknown instruction: &&", "continuation"),
        (B + "x" * 500 + "\n", 2, "unknown instruction: " + "x" * 40 + "…", ""),
        (B + "\\\n\n", 2, "unknown instruction", ""),
        ("RUN a\n" + B, 1, "no build stage in current context: RUN", "begin with FROM"),
        (
            "# syntax=docker/dockerfile:1\n" + B + "RUNN a\n",
            3,
            "unknown instruction: RUNN",
            "did you mean RUN?",
        ),
        ("FROM\n", 1, "FROM requires either one or three arguments", "AS"),
        ("FROM a b\n", 1, "FROM requires either one or three arguments", "AS"),
        ("FROM a IS b\n", 1, "FROM requires either one or three arguments", "AS"),
        ("FROM a AS 1b\n", 1, "invalid name for build stage: '1b'", "letter"),
        ("FROM a AS b/c\n", 1, "invalid name for build stage", "letter"),
        (B + "COPY a\n", 2, "COPY requires at least two arguments, but only one was provided", "COPY"),
        (B + "COPY\n", 2, "COPY requires at least two arguments", "COPY"),
        (B + 'ADD ["a"]\n', 2, "ADD requires at least two arguments", "ADD"),
        (B + "COPY a <<EOF\nEOF\n", 2, "COPY cannot accept a heredoc as a destination", ""),
        (B + "RUN <<EOF\necho\n", 2, "unterminated heredoc: no line is just 'EOF'", "EOF"),
        (B + "RUN <<A <<B\nA\nA\n", 2, "unterminated heredoc: no line is just 'B'", "B"),
        (B + "RUN <<-EOF\n  EOF\n", 2, "unterminated heredoc", "EOF"),
        (B + "CMD [1]\n", 2, "arrays must be comprised of strings only", "double quotes"),
        (B + 'RUN ["a", null]\n', 2, "arrays must be comprised of strings only", "double quotes"),
        (B + "ENV A\n", 2, "ENV must have two arguments", "ENV A=value"),
        (B + "ENV A=1 B\n", 2, "'B'", "quotes"),
        (B + "ENV =1\n", 2, "ENV names can not be blank", ""),
        (B + "ARG =1\n", 2, "ARG names can not be blank", ""),
        (B + "LABEL\n", 2, "LABEL requires at least one argument", ""),
        (B + "ARG\n", 2, "ARG requires at least one argument", ""),
        (B + "EXPOSE\n", 2, "EXPOSE requires at least one argument", ""),
        (B + "VOLUME\n", 2, "VOLUME requires at least one argument", ""),
        (B + 'VOLUME ["/a", " "]\n', 2, "VOLUME specified can not be an empty string", ""),
        (B + "USER\n", 2, "USER requires exactly one argument", ""),
        (B + "WORKDIR\n", 2, "WORKDIR requires exactly one argument", ""),
        (B + "STOPSIGNAL\n", 2, "STOPSIGNAL requires exactly one argument", ""),
        (B + "MAINTAINER\n", 2, "MAINTAINER requires exactly one argument", ""),
        (B + "SHELL bash -c\n", 2, "SHELL requires the arguments to be in JSON form", "bash"),
        (B + "SHELL []\n", 2, "SHELL requires at least one argument", ""),
        (B + "HEALTHCHECK\n", 2, "HEALTHCHECK requires at least one argument", ""),
        (B + "HEALTHCHECK NONE x\n", 2, "HEALTHCHECK NONE takes no arguments", ""),
        (B + "HEALTHCHECK CMD\n", 2, "missing command after HEALTHCHECK CMD", ""),
        (B + "HEALTHCHECK TCP x\n", 2, "unknown type 'TCP' in HEALTHCHECK (try CMD)", ""),
        (B + "HEALTHCHECK --interval=soon CMD x\n", 2, "invalid duration 'soon'", "30s"),
        (B + "HEALTHCHECK --timeout=1us CMD x\n", 2, "--timeout cannot be less than 1ms", ""),
        (B + "HEALTHCHECK --retries=-1 CMD x\n", 2, "--retries", ""),
        (B + "ONBUILD\n", 2, "ONBUILD requires at least one argument", ""),
        (B + "ONBUILD FROM x\n", 2, "FROM isn't allowed as an ONBUILD trigger", ""),
        (B + "ONBUILD ONBUILD RUN x\n", 2, "chaining ONBUILD", ""),
        (B + "ONBUILD RUNN x\n", 2, "unknown instruction: RUNN", "did you mean RUN?"),
        (B + "ONBUILD COPY x\n", 2, "COPY requires at least two arguments", ""),
        (B + "COPY --form=x a b\n", 2, "unknown flag: --form (COPY)", "did you mean --from?"),
        (B + "USER --x y\n", 2, "unknown flag: --x (USER)", ""),
        (B + "COPY --from a b\n", 2, "missing a value on flag: --from", "--from="),
        (B + "COPY --from=a --from=b c d\n", 2, "duplicate flag specified: --from", ""),
        (B + "COPY --link=maybe a b\n", 2, "expecting boolean value for flag --link", ""),
        (B + "RUN --mount=from=$X,target=/x a\n", 2, "doesn't support variable expansion", "alias stage"),
        (B + "RUN --mount='\"type=a' b\n", 2, "failed to parse --mount", ""),
        ("# escape=x\n" + B, 1, "invalid escape token 'x'", ""),
        ("# escape=`\n# Escape=`\n" + B, 2, "only one escape parser directive can be used", ""),
        ("# syntax=a\n# syntax=b\n" + B, 2, "only one syntax parser directive can be used", ""),
        (B + "RUN " + "x" * 65532 + "\n", 2, "line 2 is longer than 65535 bytes", "continuations"),
    ],
)
def test_errors(text: str, line: int, what: str, hint: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(text, "app/Dockerfile")
    assert what in caught.value.what
    assert (caught.value.path, caught.value.line) == ("app/Dockerfile", line)
    assert hint in caught.value.hint
    assert bool(hint) or not caught.value.hint.startswith("did you mean")


@pytest.mark.parametrize(
    "syntax",
    [
        "docker/dockerfile",
        "docker/dockerfile:1.7-labs",
        "docker/dockerfile-upstream:master",
        "registry.example.org:5000/docker/dockerfile@sha256:00",
    ],
)
def test_the_official_frontends_know_no_other_instructions(syntax: str) -> None:
    with pytest.raises(DockerfileError):
        parse(f"# syntax={syntax}\n{B}INCLUDE x\n")


@pytest.mark.parametrize("syntax", ["someone/dockerfile-x", "docker/dockerfile-other", "example.org/a"])
def test_other_frontends_may(syntax: str) -> None:
    assert parse(f"# syntax={syntax}\n{B}INCLUDE x\n").instructions[1].text == "INCLUDE x"


def test_a_line_as_long_as_the_builder_takes_is_read() -> None:
    assert parse(B + "RUN " + "x" * 65531 + "\n").instructions[1].keyword == "RUN"


@pytest.mark.parametrize("line", ["ARG --x=1", "STOPSIGNAL --x=1 9", "HEALTHCHECK --x NONE"])
def test_flags_that_the_builder_does_not_look_at(line: str) -> None:
    if line.startswith("ARG"):
        line += " a"
    assert parse(B + line + "\n").instructions[1].flags


TOKENS = st.sampled_from(
    [
        *("FROM ", "RUN ", "copy ", "ENV ", "ARG ", "LABEL ", "ONBUILD ", "HEALTHCHECK ", "CMD ", "EXPOSE "),
        *("VOLUME ", "SHELL ", "USER ", "WORKDIR ", "ADD ", "a", "AS b", "0", "b=c ", "'q r' ", '"s t" '),
        *(" ", "\t", "\n", "\n", "\\\n", "\\ \n", "#", "# escape=`\n", "# syntax=x\n", "# check=y\n"),
        *("\\", "`", "'", '"', "--from=", "--mount=", "--a ", "-- ", "<<EOF ", "<<-E ", "\nEOF\n", "\n\tE\n"),
        *(
            "<< ",
            "[",
            "]",
            '["a","b"]',
            "[1]",
            "$x",
            "${y:-z}",
            "${y/",
            "${",
            "}",
            "%",
            "\r\n",
            "\ufeff",
            "é",
        ),
        *("\u00a0", "\x00", "type=bind", "source=", ",", "type=cache ", "80-90/udp ", "/./", "**", "..", "{"),
        *("?", ":", "\ud800"),
    ]
)
CHANGES = ChangeSet(modified=("a", "b/c", "0"))


@given(st.one_of(st.text(), st.lists(TOKENS, max_size=40).map("".join)))
@example("ONBUILD " * 8000)
@example("FROM a\nRUN <<" + "${a:-" * 5000)
@example("FROM a\nWORKDIR " + "${a:-" * 5000)
@example("FROM a\nCOPY [" + "[" * 50000 + "\n")
def test_arbitrary_text_raises_nothing_but_dockerfile_error(text: str) -> None:
    with contextlib.suppress(DockerfileError):
        read = parse(text)
        base_images(read)
        runtime(read)
        for stage in read.stages:
            build_steps(read, stage, {})
        make_plan(read, {"x": "1"}, "", CHANGES, Previous(read))


@given(st.lists(TOKENS, max_size=40).map(lambda tokens: "FROM a\n" + "".join(tokens)))
def test_sources_raise_nothing_but_dockerfile_error(text: str) -> None:
    with contextlib.suppress(DockerfileError):
        for instruction in parse(text).instructions:
            context_sources(instruction, {"x": "y"})
