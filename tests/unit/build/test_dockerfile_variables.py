"""Substitution of ARG and ENV, and which of them holds where."""

from __future__ import annotations

import pytest

from devbox.build.dockerfile import expand, parse, walk
from devbox.errors import DockerfileError

VARIABLES = {
    "NAME": "app",
    "EMPTY": "",
    "PATH_": "/srv/app/main.tar.gz",
    "STARS": "a*b?c",
    "VERSION": "3.13.1-slim",
    "ÜBER": "yes",
}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$NAME", "app"),
        ("${NAME}", "app"),
        ("x$NAME-y", "xapp-y"),
        ("$NAMES", ""),
        ("${NAME}S", "appS"),
        ("$UNSET", ""),
        ("$ÜBER", "yes"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("$1x", "x"),
        ("$@", ""),
        ("\\$NAME", "$NAME"),
        ("\\${NAME}", "${NAME}"),
        ("'$NAME'", "$NAME"),
        ('"$NAME"', "app"),
        ('"\\$NAME \\n \\\\ \\""', '$NAME \\n \\ "'),
        ('"it\'s"', "it's"),
        ("a\\ b", "a b"),
        ("end\\", "end"),
        ("${NAME:-x}", "app"),
        ("${EMPTY:-x}", "x"),
        ("${UNSET:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${UNSET-x}", "x"),
        ("${UNSET:-}", ""),
        ("${UNSET:-$NAME}", "app"),
        ("${UNSET:-${ALSO:-a b}}", "a b"),
        ("${UNSET:-'}'}", "}"),
        ("${NAME:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${EMPTY+x}", "x"),
        ("${UNSET+x}", ""),
        ("${NAME:?gone}", "app"),
        ("${EMPTY?gone}", ""),
        ("${PATH_#*/}", "srv/app/main.tar.gz"),
        ("${PATH_##*/}", "main.tar.gz"),
        ("${PATH_%.*}", "/srv/app/main.tar"),
        ("${PATH_%%.*}", "/srv/app/main"),
        ("${PATH_#none}", "/srv/app/main.tar.gz"),
        ("${PATH_%}", "/srv/app/main.tar.gz"),
        ("${UNSET%x}", ""),
        ("${VERSION%%-*}", "3.13.1"),
        ("${VERSION#?.}", "13.1-slim"),
        ("${VERSION%.?-slim}", "3.13"),
        ("${NAME#$NAME}", ""),
        ("${STARS#a\\*}", "b?c"),
        ("${STARS%\\?c}", "a*b"),
        ("${PATH_/app/code}", "/srv/code/main.tar.gz"),
        ("${PATH_//a/A}", "/srv/App/mAin.tAr.gz"),
        ("${PATH_//\\//:}", ":srv:app:main.tar.gz"),
        ("${PATH_/t?r/zip}", "/srv/app/main.zip.gz"),
        ("${PATH_//./}", "/srv/app/maintargz"),
        ("${NAME//*/x}", "x"),
        ("${NAME/zzz/x}", "app"),
        ("${VERSION/./$NAME}", "3app13.1-slim"),
        ("a < b << c", "a < b << c"),
    ],
)
def test_expand(word: str, expected: str) -> None:
    assert expand(word, VARIABLES) == expected


def test_expand_with_the_other_escape() -> None:
    assert expand("c:\\$NAME `$NAME", VARIABLES, "`") == "c:\\app $NAME"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("${", "missing '}'"),
        ("${NAME", "unsupported modifier"),
        ("${NAME:-x", "looking for matching }"),
        ("${}", "bad substitution"),
        ("${:x}", "bad substitution"),
        ("${{x}}", "bad substitution"),
        ("${NAME=x}", "unsupported modifier (=)"),
        ("${NAME:x}", "unsupported modifier (:x)"),
        ("${NAME:#x}", "unsupported modifier (:#)"),
        ("${NAME/x}", "looking for matching /"),
        ("${NAME/x/", "looking for matching }"),
        ("${NAME#\\x}", "invalid escape \\x"),
        ("${UNSET:?give one}", "UNSET: give one"),
        ("${UNSET?}", "UNSET: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
        ("'open", "single-quote"),
        ('"open', "double-quote"),
        ("${UNSET:-" * 3000, "nested too deeply"),
    ],
)
def test_what_cannot_be_expanded(word: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        expand(word, VARIABLES)
    assert message in caught.value.what


def variables_at_end(text: str, build_args: dict[str, str] | None = None) -> dict[str, str]:
    """The variables before a last `USER end`, platform variables left out."""
    read = parse(text + "\nUSER end\n")
    *_, (last, scope) = walk(read, read.stages[-1], build_args or {})
    assert last.text == "USER end"
    return dict(scope.variables)


def test_args_and_env_in_order() -> None:
    text = "FROM a\nARG A=1\nENV B=$A C='$A' D=\"$A\"\nARG E=${B}2\nENV A=3"
    assert variables_at_end(text) == {"A": "3", "B": "1", "C": "$A", "D": "1", "E": "12"}


def test_one_instruction_sees_one_value() -> None:
    text = "FROM a\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc"
    assert variables_at_end(text) == {"abc": "bye", "def": "hello", "ghi": "bye"}


def test_build_args_override_declared_ones_only() -> None:
    text = "FROM a\nARG A=1\nARG B\nARG C"
    assert variables_at_end(text, {"A": "9", "B": "8", "X": "7"}) == {"A": "9", "B": "8"}


def test_global_args_reach_a_stage_that_declares_them() -> None:
    assert variables_at_end("ARG G=1\nFROM a\nENV X=$G") == {"X": ""}
    assert variables_at_end("ARG G=1\nFROM a\nARG G\nENV X=$G") == {"G": "1", "X": "1"}
    assert variables_at_end("ARG G=1\nFROM a\nARG G=2\nENV X=$G") == {"G": "2", "X": "2"}
    assert variables_at_end("ARG G=1\nARG H=$G$G\nFROM a\nARG H", {"G": "5"}) == {"H": "55"}


def test_a_stage_inherits_from_its_base_stage_only() -> None:
    text = "FROM a AS one\nARG A=1\nENV B=2\nFROM one AS two\nENV C=$A$B"
    assert variables_at_end(text) == {"A": "1", "B": "2", "C": "12"}
    assert variables_at_end("FROM a AS one\nARG A=1\nFROM a\nENV C=$A") == {"C": ""}


def test_platform_variables_are_left_unless_given() -> None:
    text = "FROM a\nARG TARGETARCH\nENV X=bin-$TARGETARCH"
    assert variables_at_end(text)["X"] == "bin-${TARGETARCH}"
    assert variables_at_end(text, {"TARGETARCH": "arm64"})["X"] == "bin-arm64"


def test_the_legacy_form_and_quotes() -> None:
    assert variables_at_end('FROM a\nENV NAME John "Q" Public\nENV P=/a:/b\\ c') == {
        "NAME": "John Q Public",
        "P": "/a:/b c",
    }


def test_a_bad_substitution_names_its_line() -> None:
    with pytest.raises(DockerfileError) as caught:
        variables_at_end("FROM a\nENV A=1\nENV B=${A")
    assert (caught.value.line, caught.value.path) == (3, "Dockerfile")


def test_settings_that_a_run_is_run_with() -> None:
    read = parse(
        "FROM a AS one\nWORKDIR /srv\nWORKDIR app\nUSER x\n"
        'FROM one\nSHELL ["bash", "-c"]\nWORKDIR ../b\nRUN x\n'
    )
    *_, (_, scope) = walk(read, read.stages[1], {})
    assert (scope.workdir, scope.user, scope.shell) == ("/srv/b", "x", ("bash", "-c"))


def test_onbuild_triggers_of_a_base_stage_run_in_the_next_one() -> None:
    read = parse("FROM a AS one\nONBUILD ENV A=1\nONBUILD COPY . /x\nFROM one\nENV B=$A\nUSER end\n")
    found = list(walk(read, read.stages[1], {}))
    assert [one.text for one, _ in found] == [
        "FROM one",
        "ONBUILD ENV A=1",
        "ONBUILD COPY . /x",
        "ENV B=$A",
        "USER end",
    ]
    assert [one.keyword for one, _ in found] == ["FROM", "ENV", "COPY", "ENV", "USER"]
    assert found[-1][1].variables == {"A": "1", "B": "1"}
