"""The reader against the official parser, which the PyPI package `dockerfile` 3.4 wraps.

The wheel of 3.4.0 is built from moby/buildkit v0.12.5 (January 2024; its module paths are in the binary).
That parser knows here-documents. Where today's BuildKit, and with it this reader, does otherwise:

- `# check=` is no directive there, so it ends the directives (KNOWN_CHECK);
- `<< EOF`, with white space before the word, opens no here-document there (KNOWN_SPACE);
- text behind a JSON array is ignored there, today it makes the line a shell form (KNOWN_JSON);
- the escape within flags is always the backslash there, today the escape directive holds (KNOWN_ESCAPE).

Where this reader differs from both on purpose:

- flags and the type of HEALTHCHECK are read there byte by byte, which garbles what is not ASCII
  (KNOWN_BYTES);
- ONBUILD ONBUILD passes that parser, BuildKit refuses it later, this reader at once (KNOWN_ONBUILD);
- the package does not hand out the here-documents of ONBUILD (only where they end), and a NUL ends its text;
- that parser does not know which arguments an instruction needs: `parse` does, so the second test here goes
  below it.
"""

from __future__ import annotations

import importlib
import platform
import sys
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from devbox.build.dockerfile import Instruction, parse
from devbox.build.dockerfile._lines import LineReader
from devbox.build.dockerfile._parse import read_heredocs
from devbox.build.dockerfile._statement import KEYWORDS, Statement, read_statement
from devbox.errors import DockerfileError

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"),
    reason="the official parser has wheels for Linux on x86-64 only",
)

KNOWN_CHECK = "# check=skip=all\n# escape=`\nFROM a\nRUN b `\n c\n"
KNOWN_SPACE = "FROM a\nRUN << EOF\nUSER x\nEOF\n"
KNOWN_JSON = 'FROM a\nCMD ["b"] && c\n'
KNOWN_ESCAPE = "# escape=`\nFROM a\nCOPY --chown=b` c d e\n"
KNOWN_BYTES = "FROM a\nCOPY --chown=é b c\n"
KNOWN_ONBUILD = "FROM a\nONBUILD ONBUILD RUN b\n"


class Row(NamedTuple):
    """What both parsers say of one instruction."""

    word: str
    trigger: str
    arguments: tuple[str, ...]
    json: bool
    flags: tuple[str, ...]
    line: int
    end_line: int
    heredocs: tuple[tuple[str, int, str], ...]


def theirs(text: str) -> list[Row]:
    """The official parser's reading; GoParseError (a ValueError) where it has none."""
    official: Any = importlib.import_module("dockerfile")
    return [
        Row(
            command.cmd or "",
            command.sub_cmd or "",
            command.value,
            command.json,
            command.flags,
            command.start_line,
            command.end_line,
            tuple((one.name, one.file_descriptor, one.content) for one in command.heredocs),
        )
        for command in official.parse_string(text)
    ]


def flags_as_written(flags: tuple[tuple[str, str | None], ...]) -> tuple[str, ...]:
    return tuple(f"--{name}" if value is None else f"--{name}={value}" for name, value in flags)


def row(read: Instruction | Statement, word: str, trigger: str, place: tuple[int, int], heredocs: Any) -> Row:
    inner = read.trigger or read
    # The official parser drops what follows a word that is no instruction.
    known = inner.keyword in KEYWORDS
    return Row(
        word,
        trigger,
        inner.arguments if known else ("",),
        read.json,
        flags_as_written(read.flags),
        *place,
        () if trigger else tuple((one.name, one.file_descriptor, one.content) for one in heredocs),
    )


def ours_unchecked(text: str) -> list[Row]:
    """This reader without what it asks of single instructions."""
    reader = LineReader(text)
    rows = []
    while (line := reader.next_line()) is not None:
        read = read_statement(line.text, reader.escape)
        heredocs = read_heredocs(read, line, reader)
        trigger = read.trigger.word if read.trigger else ""
        rows.append(row(read, read.word, trigger, (line.line, reader.line), heredocs))
    return rows


def ours(text: str) -> list[Row]:
    return [
        row(
            one,
            one.keyword,
            one.trigger.keyword if one.trigger else "",
            (one.line, one.end_line),
            one.heredocs,
        )
        for one in parse(text).instructions
    ]


def upper(rows: list[Row]) -> list[Row]:
    return [one._replace(word=one.word.upper(), trigger=one.trigger.upper()) for one in rows]


PLAIN_WORD = st.text(alphabet="abcXYZ019._/:,*?+@%^~", min_size=1, max_size=7)
UNICODE_WORD = st.text(alphabet="aä€日", min_size=1, max_size=4)
VARIABLE = st.sampled_from(["$A", "${A}", "${A:-b}", "${A:+b}", "${A#b*}", "${A/b/c}"])
QUOTED = st.sampled_from(["'a b'", '"c d"', "\"e 'f' g\"", "''", '""', "'$A'", '"$A \\"q\\""'])
WORD = st.one_of(PLAIN_WORD, UNICODE_WORD, VARIABLE, QUOTED)
FLAG_VALUE = st.one_of(PLAIN_WORD, VARIABLE, st.sampled_from(["'a b'", '"c d"', "a'b c'd", "x=y,z=w"]))
JSON_ARRAY = st.lists(
    st.sampled_from(['"a"', '"b c"', '"\\u00e4"', '"\\\\d"', '"\\"e\\""', '""', '"日"', '"<<EOF"']),
    max_size=4,
).map(lambda items: "[" + " , ".join(items) + "]")
NOT_JSON = st.sampled_from(["[ -f a ]", "['a']", '["a",]', '["\\d"]', "[", "[a]"])
NAME = st.text(alphabet="ABCabc_", min_size=1, max_size=5)
HEREDOC_NAME = st.sampled_from(["EOF", "E", "a.txt", "$X", "a-b"])
CONTENT = st.lists(
    st.sampled_from(["echo $A", "# kept", "", "\ttab", "RUN x", "  EOFF", "it's \\", "日本"]), max_size=4
)


@st.composite
def flag(draw: st.DrawFn, *names: str) -> str:
    return f"--{draw(st.sampled_from(names))}={draw(FLAG_VALUE)}"


@st.composite
def name_value(draw: st.DrawFn, *, default: bool = True) -> str:
    name = draw(NAME)
    return f"{name}={draw(WORD)}" if default else name


@st.composite
def heredoc_instruction(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """An instruction's words, and the lines of its here-documents."""
    words = [draw(st.sampled_from(["RUN", "copy", "ADD", "ONBUILD RUN"]))]
    lines: list[str] = []
    for name in draw(st.lists(HEREDOC_NAME, min_size=1, max_size=3, unique=True)):
        quote = draw(st.sampled_from(["", "'", '"']))
        chomp = draw(st.booleans())
        words.append(f"<<{'-' if chomp else ''}{quote}{name}{quote}")
        lines += draw(CONTENT)
        lines.append(("\t" if chomp and draw(st.booleans()) else "") + name)
    words += ["python"] if "RUN" in words[0] and draw(st.booleans()) else ["/to/"]
    return words, lines


@st.composite
def plain_instruction(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """The words of an instruction that has what it needs."""
    few = st.lists(WORD, min_size=1, max_size=4)
    command = st.one_of(few.map(" ".join), JSON_ARRAY, NOT_JSON)
    copy_flags = st.lists(
        flag("chown", "chmod", "from"), max_size=3, unique_by=lambda one: one.partition("=")[0]
    )
    one_line = {
        "RUN": st.tuples(st.lists(flag("mount"), max_size=2).map(" ".join), command),
        "CMD": st.tuples(command),
        "ENTRYPOINT": st.tuples(command),
        "COPY": st.tuples(copy_flags.map(" ".join), few.map(" ".join), st.sampled_from(["/to/", "."])),
        "ADD": st.tuples(st.just("--checksum=x --link"), few.map(" ".join), st.just("/to/")),
        "ENV": st.tuples(st.lists(name_value(), min_size=1, max_size=3).map(" ".join)),
        "LABEL": st.tuples(NAME, few.map(" ".join)),
        "ARG": st.tuples(name_value(default=False), name_value()),
        "EXPOSE": st.tuples(st.sampled_from(["80", "80/tcp 90-91/udp", "$PORT"])),
        "VOLUME": st.tuples(st.one_of(few.map(" ".join), st.just('["/a", "/b c"]'))),
        "USER": st.tuples(WORD),
        "WORKDIR": st.tuples(few.map(" ".join)),
        "STOPSIGNAL": st.tuples(WORD),
        "MAINTAINER": st.tuples(few.map(" ".join)),
        "SHELL": st.tuples(st.just('["bash", "-c"]')),
        "HEALTHCHECK": st.tuples(st.sampled_from(["NONE", "--interval=5s --retries=3 CMD a b", 'CMD ["c"]'])),
        "FROM": st.tuples(st.sampled_from(["a", "--platform=$P a:b AS c", "a@sha256:00 as D-1"])),
        "ONBUILD": st.tuples(st.sampled_from(["RUN a", "copy --from=x a b", 'CMD ["a"]', "ENV a=b c='d'"])),
    }
    keyword = draw(st.sampled_from(sorted(one_line)))
    parts = draw(one_line[keyword])
    word = draw(st.sampled_from([keyword, keyword.lower(), keyword.capitalize()]))
    return [word, *(part for part in parts if part)], []


@st.composite
def files(draw: st.DrawFn) -> str:
    escape = draw(st.sampled_from(["\\", "`"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    filler = st.sampled_from(["", "  ", "# a comment", "\t # another"])
    gap = st.sampled_from(
        [
            " ",
            "   ",
            "\t",
            f" {escape}{end}",
            f" {escape} \t{end}    ",
            f" {escape}{end}# between{end}{end}  ",
        ]
    )
    parts = [draw(st.sampled_from(["", "\ufeff"]))]
    if escape == "`":
        parts += [draw(st.sampled_from([f"# escape=`{end}", f"# syntax=a/b{end}#ESCAPE = ` {end}"]))]
    parts.append(f"FROM base{end}")
    for words, lines in draw(st.lists(st.one_of(plain_instruction(), heredoc_instruction()), max_size=8)):
        if draw(st.booleans()):
            parts.append(draw(filler) + end)
        parts.append(draw(st.sampled_from(["", "  ", "\t"])))
        parts.append(words[0] + "".join(draw(gap) + word for word in words[1:]))
        parts.append(draw(st.sampled_from(["", " ", "\t"])) + end)
        parts += [line + end for line in lines]
    return "".join(parts)


@given(files())
@example('FROM a\nRUN b \\\n# c\n\n   d\nHEALTHCHECK --interval=1s CMD ["e"]\n')
@example("FROM a\nCOPY <<x <<-'y' /z\n1\nx\n\t2\n\ty\nUSER b")
def test_whole_files(text: str) -> None:
    assert ours(text) == upper(theirs(text))


@given(files())
def test_the_text_shown_is_the_line_itself(text: str) -> None:
    official: Any = importlib.import_module("dockerfile")
    for instruction, command in zip(parse(text).instructions, official.parse_string(text), strict=True):
        joined = command.original.split("\n")[0] if command.heredocs else command.original
        assert instruction.text.upper() == " ".join(joined.split()).upper()


TOKENS = [
    *("FROM", "RUN", "copy", "ENV", "ARG", "LABEL", "ONBUILD", "HEALTHCHECK", "CMD", "EXPOSE", "VOLUME"),
    *("USER", "SHELL", "WORKDIR", "ADD", "NONE", "WHAT", "a", "b=c", "x='q r'", 'y="s t"', "=", "'", '"'),
    *("\\", "`", " ", "  ", "\t", "\v", "\f", "\n", "\n", "\n", "\r\n", "\\\n", "\\ \n", "`\n", "#", "# c\n"),
    *("--from=x", "--a", "--", "--b='c d'", "<<EOF", "<<-E", "<<'E'", "3<<A", "\nEOF\n", "\n\tE\n", "\nA\n"),
    *("<", "<<<", ">>", "[", "]", '["a","b"]', '["a", 1]', "$x", "${y:-z}", "${", "}", "EOF", "E", "A"),
    *("# escape=`\n", "# syntax=x\n", "\u3000", "\x85", "\u00a0", "é"),
]


def is_known(text: str) -> bool:
    """Whether a text may touch one of the known differences."""
    bytewise = not text.isascii() and ("--" in text or "HEALTHCHECK" in text)
    escaped_flags = "# escape" in text and "--" in text
    spaced = any(f"<<{dash}{space}" in text for dash in ("", "-") for space in " \t\v\f\r")
    return bytewise or escaped_flags or spaced or "]" in text or text.upper().count("ONBUILD") > 1


@given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join), st.booleans())
def test_any_mixture(text: str, begins_with_from: bool) -> None:
    text = ("FROM a\n" if begins_with_from else "") + text
    assume(not is_known(text))
    try:
        expected = theirs(text)
    except ValueError:
        expected = []
    try:
        read = ours_unchecked(text)
    except DockerfileError:
        read = []
    assert read == expected


@pytest.mark.parametrize("text", [KNOWN_CHECK, KNOWN_SPACE, KNOWN_JSON, KNOWN_ESCAPE, KNOWN_BYTES])
def test_known_differences_still_differ(text: str) -> None:
    assert ours_unchecked(text) != theirs(text)


def test_how_the_known_differences_are_read_here() -> None:
    assert [one.arguments for one in ours(KNOWN_CHECK)] == [("a",), ("b  c",)]
    assert [one.heredocs for one in ours(KNOWN_SPACE)] == [(), (("EOF", 0, "USER x\n"),)]
    assert [(one.arguments, one.json) for one in ours(KNOWN_JSON)][1] == (('["b"] && c',), False)
    assert ours(KNOWN_ESCAPE)[1].flags == ("--chown=b c",)
    assert ours(KNOWN_BYTES)[1].flags == ("--chown=é",)
    assert [one.word for one in theirs(KNOWN_ONBUILD)] == ["FROM", "ONBUILD"]
    with pytest.raises(DockerfileError):
        ours(KNOWN_ONBUILD)
