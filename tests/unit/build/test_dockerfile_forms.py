"""The forms of single instructions: exec form, flags, names and values, arguments."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import Instruction, parse

BASE = "FROM python:3.13-slim\n"


def second(text: str) -> Instruction:
    """The instruction behind the FROM."""
    return parse(BASE + text).instructions[1]


class TestExecForm:
    @pytest.mark.parametrize("keyword", ["RUN", "CMD", "ENTRYPOINT", "SHELL", "VOLUME"])
    def test_an_array_of_strings(self, keyword: str) -> None:
        read = second(f'{keyword} [ "a b", "\\u0063" ]\n')
        assert (read.arguments, read.json) == (("a b", "c"), True)

    def test_copy_with_spaces(self) -> None:
        read = second('COPY --chown=1:2 ["a b", "c"]\n')
        assert (read.arguments, read.json, read.flag("chown")) == (("a b", "c"), True, "1:2")

    @pytest.mark.parametrize(
        "form", ["['a', 'b']", '["a"', '["a"] && b', '["c:\\windows"]', "[ -f x ]", "[NaN]", '["a",]']
    )
    def test_what_is_no_json_is_shell_form(self, form: str) -> None:
        read = second(f"CMD {form}\n")
        assert (read.arguments, read.json) == ((form,), False)

    def test_deep_nesting_is_no_json(self) -> None:
        assert not second("CMD " + "[" * 60_000 + "\n").json

    def test_an_empty_array(self) -> None:
        assert (second("CMD []\n").arguments, second("CMD []\n").json) == ((), True)


class TestFlags:
    def test_values_quotes_and_repetition(self) -> None:
        read = second(
            'RUN --mount=type=cache,target=/c --mount="type=bind,source=a b" --network=none pip --verbose\n'
        )
        assert read.flags == (
            ("mount", "type=cache,target=/c"),
            ("mount", "type=bind,source=a b"),
            ("network", "none"),
        )
        assert read.flag_values("mount") == ("type=cache,target=/c", "type=bind,source=a b")
        assert read.arguments == ("pip --verbose",)

    def test_copy(self) -> None:
        read = second(
            "COPY --from=a --chown=1 --chmod=755 --link --parents=false --exclude=*.md --exclude=b c d\n"
        )
        assert (read.flag("from"), read.flag("chown"), read.flag("chmod")) == ("a", "1", "755")
        assert (read.has_flag("link"), read.has_flag("parents"), read.has_flag("other")) == (
            True,
            False,
            False,
        )
        assert read.flag_values("exclude") == ("*.md", "b")
        assert read.arguments == ("c", "d")

    def test_two_dashes_end_them(self) -> None:
        read = second("RUN --network=none -- --mount=x\n")
        assert (read.flags, read.arguments) == ((("network", "none"),), ("--mount=x",))

    def test_from_platform(self) -> None:
        assert parse("FROM --platform=$BUILDPLATFORM a\n").stages[0].platform == "$BUILDPLATFORM"

    def test_the_escape_directive_holds_in_flags(self) -> None:
        read = parse("# escape=`\nFROM a\nCOPY --chown=a` b c d\n").instructions[1]
        assert read.flags == (("chown", "a b"),)

    def test_unknown_flags_pass_where_a_syntax_line_may_know_them(self) -> None:
        read = parse("# syntax=docker/dockerfile:9\nFROM a\nCOPY --brand-new b c\n").instructions[1]
        assert read.flags == (("brand-new", None),)


class TestNamesAndValues:
    @pytest.mark.parametrize(
        ("line", "pairs"),
        [
            ("ENV a=1", (("a", "1"),)),
            (
                "ENV a=1 b='x y' c=\"d e\" f=g\\ h",
                (("a", "1"), ("b", "'x y'"), ("c", '"d e"'), ("f", "g\\ h")),
            ),
            ("ENV a= b=c=d", (("a", ""), ("b", "c=d"))),
            ("ENV name some value with = in it", (("name", "some value with = in it"),)),
            ("ENV name  two  spaces", (("name", "two  spaces"),)),
            ("LABEL org.example.x=1 y=2", (("org.example.x", "1"), ("y", "2"))),
            ("LABEL old style", (("old", "style"),)),
            ("ARG a", (("a", None),)),
            ("ARG a=1 b c='d e'", (("a", "1"), ("b", None), ("c", "'d e'"))),
            ("ARG a=", (("a", ""),)),
        ],
    )
    def test_pairs(self, line: str, pairs: tuple[tuple[str, str | None], ...]) -> None:
        assert second(line + "\n").pairs == pairs

    def test_others_have_none(self) -> None:
        assert second("USER a=b\n").pairs == ()


@pytest.mark.parametrize(
    ("line", "arguments", "json"),
    [
        ("EXPOSE 80 443/tcp  8000-8010/udp", ("80", "443/tcp", "8000-8010/udp"), False),
        ("VOLUME /a /b", ("/a", "/b"), False),
        ('VOLUME ["/a", "/b c"]', ("/a", "/b c"), True),
        ("USER app:app", ("app:app",), False),
        ("WORKDIR /path with space", ("/path with space",), False),
        ("STOPSIGNAL SIGINT", ("SIGINT",), False),
        ('SHELL ["bash", "-o", "pipefail", "-c"]', ("bash", "-o", "pipefail", "-c"), True),
        ("MAINTAINER Some One <a@example.org>", ("Some One <a@example.org>",), False),
        ("HEALTHCHECK NONE", ("NONE",), False),
        ("HEALTHCHECK --interval=5s --retries=3 CMD curl -f x", ("CMD", "curl -f x"), False),
        ('HEALTHCHECK cmd ["curl", "x"]', ("cmd", "curl", "x"), True),
        ("ADD https://example.org/x.tgz /x", ("https://example.org/x.tgz", "/x"), False),
        ("RUN", (), False),
        ("CMD python -m app", ("python -m app",), False),
        ("COPY a <<'EOF", ("a", "<<'EOF"), False),
    ],
)
def test_arguments(line: str, arguments: tuple[str, ...], json: bool) -> None:
    read = second(line + "\n")
    assert (read.arguments, read.json) == (arguments, json)
