"""The reader's lexing, bullet by bullet."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from devbox.build.dockerfile import Heredoc, Instruction, parse

BASE = "FROM python:3.13-slim\n"


def second(text: str) -> Instruction:
    """The instruction behind the FROM."""
    return parse(BASE + text).instructions[1]


def test_a_plain_file() -> None:
    read = parse("FROM python:3.13-slim AS App\nRUN pip install flask\n", "docker/Dockerfile")
    assert read.path == "docker/Dockerfile"
    assert [one.text for one in read.instructions] == [
        "FROM python:3.13-slim AS App",
        "RUN pip install flask",
    ]
    (stage,) = read.stages
    assert (stage.index, stage.name, stage.base, stage.platform, stage.line) == (
        0,
        "app",
        "python:3.13-slim",
        "",
        1,
    )
    assert stage.instructions == read.instructions
    assert read.escape == "\\"
    assert dict(read.directives) == {}


def test_values_are_frozen_and_comparable() -> None:
    first, again = parse(BASE), parse(BASE)
    assert first == again
    assert hash(first) == hash(again)
    with pytest.raises(FrozenInstanceError):
        first.path = "other"  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize(
    ("text", "directives"),
    [
        ("# syntax=docker/dockerfile:1\n", {"syntax": "docker/dockerfile:1"}),
        ("#syntax = docker/dockerfile:1  \n", {"syntax": "docker/dockerfile:1"}),
        ("# SyNtAx=a/b\n# ESCAPE=`\n", {"syntax": "a/b", "escape": "`"}),
        ("# check=skip=all;error=true\n", {"check": "skip=all;error=true"}),
        ("  # escape=`\n", {"escape": "`"}),
        ("\ufeff# escape=`\n", {"escape": "`"}),
        ("# escape=`\r\n", {"escape": "`"}),
        ("\n# escape=`\n", {}),
        ("# a comment\n# escape=`\n", {}),
        ("# unknown=1\n# escape=`\n", {}),
        ("# escape = \\\n", {"escape": "\\"}),
    ],
)
def test_directives_stand_at_the_very_top(text: str, directives: dict[str, str]) -> None:
    read = parse(text + BASE)
    assert dict(read.directives) == directives
    assert read.escape == directives.get("escape", "\\")


def test_a_directive_behind_an_instruction_is_a_comment() -> None:
    assert parse(BASE + "# escape=`\nRUN a \\\n  b\n").instructions[1].arguments == ("a   b",)


def test_continuations_are_joined_as_written_and_shown_on_one_line() -> None:
    read = second("RUN apt-get update \\\n    && apt-get install -y \\ \t\n\tgcc\nUSER app\n")
    assert read.arguments == ("apt-get update     && apt-get install -y \tgcc",)
    assert read.text == "RUN apt-get update && apt-get install -y gcc"
    assert (read.line, read.end_line) == (2, 4)


def test_comments_and_empty_lines_within_a_continuation_are_skipped() -> None:
    read = second("RUN a \\\n# one\n   # two\n\n \t\n  && b\n")
    assert read.arguments == ("a   && b",)
    assert (read.line, read.end_line) == (2, 7)


def test_a_hash_behind_a_word_is_no_comment() -> None:
    assert second("RUN echo # not a comment\n").arguments == ("echo # not a comment",)


def test_an_escaped_escape_continues_nothing() -> None:
    read = parse(BASE + "RUN a \\\\\nRUN b\n")
    assert [one.arguments for one in read.instructions[1:]] == [("a \\\\",), ("b",)]


def test_a_continuation_in_the_middle_of_a_word() -> None:
    assert second("RUN pip inst\\\nall\n").text == "RUN pip install"


def test_a_continuation_at_the_end_of_the_file() -> None:
    assert second("RUN a \\\n").arguments == ("a",)


def test_the_backtick_as_escape() -> None:
    read = parse("# escape=`\nFROM mcr.example.org/windows\nRUN dir c:\\ `\n  && cd \\\nWORKDIR C:\\app\n")
    assert read.escape == "`"
    assert [one.arguments for one in read.instructions[1:]] == [("dir c:\\   && cd \\",), ("C:\\app",)]


def test_leading_white_space_byte_order_mark_and_crlf() -> None:
    read = parse("\ufeff  FROM a\r\n\t RUN b \\\r\n  c\r\n\u00a0USER d\r\n")
    assert [one.text for one in read.instructions] == ["FROM a", "RUN b c", "USER d"]


def test_a_lone_carriage_return_ends_no_line() -> None:
    assert len(parse("FROM a\rRUN b\n".replace("\r", " AS x\r\n")).instructions) == 2


def test_keywords_in_any_case() -> None:
    assert [one.keyword for one in parse("from a\nRun b\ncOpY c d\n").instructions] == ["FROM", "RUN", "COPY"]


class TestHeredocs:
    def test_one(self) -> None:
        read = second("RUN <<EOF\napt-get update\n# kept\n\n  cd /\nEOF\nUSER x\n")
        assert read.heredocs == (Heredoc("EOF", "apt-get update\n# kept\n\n  cd /\n"),)
        assert read.text == "RUN <<EOF"
        assert (read.line, read.end_line) == (2, 7)

    def test_tabs_go_from_the_end_word_only(self) -> None:
        read = second("RUN <<-EOF\n\techo\n\tEOF\n")
        assert read.heredocs == (Heredoc("EOF", "\techo\n", chomp=True),)

    @pytest.mark.parametrize("word", ['"EOF"', "'EOF'", 'E"OF"'])
    def test_a_quoted_word_expands_nothing(self, word: str) -> None:
        assert second(f"RUN <<{word}\n$HOME\nEOF\n").heredocs == (Heredoc("EOF", "$HOME\n", expand=False),)

    def test_an_escaped_quote_quotes_nothing(self) -> None:
        assert second("RUN <<EO\\'F\nx\nEO'F\n").heredocs == (Heredoc("EO'F", "x\n"),)

    def test_several_on_one_line(self) -> None:
        read = second("COPY <<a.txt <<-'b.txt' /to/\n1\na.txt\n\t2\n\tb.txt\nUSER x\n")
        assert read.heredocs == (
            Heredoc("a.txt", "1\n"),
            Heredoc("b.txt", "\t2\n", expand=False, chomp=True),
        )
        assert read.arguments == ("<<a.txt", "<<-'b.txt'", "/to/")

    def test_within_a_command_and_with_flags(self) -> None:
        read = second("RUN --network=none 3<<A python - <<B > out\n1\nA\n2\nB\n")
        assert [(one.name, one.file_descriptor) for one in read.heredocs] == [("A", 3), ("B", 0)]

    def test_white_space_before_the_word(self) -> None:
        assert second("RUN <<  EOF > foo\nx\nEOF\n").heredocs == (Heredoc("EOF", "x\n"),)

    def test_onbuild(self) -> None:
        read = second("ONBUILD RUN <<EOF\nx\nEOF\n")
        assert read.heredocs == (Heredoc("EOF", "x\n"),)
        assert read.trigger is not None
        assert read.trigger.heredocs == read.heredocs

    def test_crlf(self) -> None:
        assert second("RUN <<EOF\r\nx\r\nEOF\r\n").heredocs == (Heredoc("EOF", "x\r\n"),)

    @pytest.mark.parametrize(
        "line",
        [
            'RUN "<<EOF"',
            "RUN '<<EOF'",
            "RUN cat <<<EOF",
            "RUN echo a<<EOF",
            'RUN ["<<EOF"]',
            "RUN it's <<EOF",
            "USER <<EOF",
            "RUN <<",
        ],
    )
    def test_what_opens_none(self, line: str) -> None:
        assert second(f"{line}\nUSER x\n").heredocs == ()


def test_onbuild_holds_an_instruction() -> None:
    read = second("onbuild  copy --chown=1  a   b\n")
    assert read.keyword == "ONBUILD"
    assert read.text == "ONBUILD COPY --chown=1 a b"
    assert read.arguments == ("COPY", "a", "b")
    assert read.trigger is not None
    assert (read.trigger.keyword, read.trigger.arguments, read.trigger.flag("chown")) == (
        "COPY",
        ("a", "b"),
        "1",
    )
    assert read.trigger.line == read.line == 2


def test_stages_and_global_args() -> None:
    read = parse("ARG A=1\nARG B\nFROM x\nRUN a\nFROM y AS two\nRUN b\nRUN c\n")
    assert [one.text for one in read.global_args] == ["ARG A=1", "ARG B"]
    assert [one.stage for one in read.instructions] == [-1, -1, 0, 0, 1, 1, 1]
    assert [[one.text for one in stage.instructions] for stage in read.stages] == [
        ["FROM x", "RUN a"],
        ["FROM y AS two", "RUN b", "RUN c"],
    ]
    assert [stage.label for stage in read.stages] == ["stage 0", "two"]
