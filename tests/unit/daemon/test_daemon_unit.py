"""A service's description, and what systemd and launchd read out of what is written from it."""

from __future__ import annotations

import os
import plistlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devbox.config import load
from devbox.daemon.unit.description import Description, asked_variables, describe, unwritable
from devbox.daemon.unit.launchd import label, plist
from devbox.daemon.unit.systemd import unit_name, unit_text
from devbox.errors import UsageError

DESCRIPTION = Description(
    project="shop",
    root=Path("/home/me/shop"),
    key="0123456789abcdef",
    argv=("/venv/bin/python", "-m", "devbox", "up", "/home/me/shop"),
    environment={"PATH": "/usr/bin:/bin"},
    stop_within=33.5,
)

_C_ESCAPES = {**dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True)), "s": " ", "\\": "\\", '"': '"', "'": "'"}


def words_of(value: str) -> list[str]:
    """The words of a setting as systemd.syntax(7) reads them, with specifiers and without variables."""
    words: list[str] = []
    rest = value.lstrip(" \t")
    while rest:
        quote = rest[0] if rest[0] in "\"'" else ""
        word, at = "", len(quote)
        while at < len(rest) and (rest[at] != quote if quote else rest[at] not in " \t"):
            if rest[at] == "\\":
                word += _C_ESCAPES[rest[at + 1]]
                at += 1
            else:
                word += rest[at]
            at += 1
        assert not quote or rest[at : at + 2].strip(" \t") == quote, "a closing quote ends a word"
        words.append(word)
        rest = rest[at + len(quote) :].lstrip(" \t")
    assert not any("%" in word.replace("%%", "") for word in words), "a specifier"
    return [word.replace("%%", "%") for word in words]


def settings_of(unit: str) -> list[tuple[str, str]]:
    """The assignments of a unit; no line goes on in the next one."""
    lines = unit.split("\n")
    assert not any(line.endswith("\\") for line in lines)
    found = [line.partition("=") for line in lines if line and not line.startswith("[")]
    return [(name, value.strip(" \t")) for name, _, value in found]


texts = st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda text: not unwritable(text))
awkward = st.text(st.sampled_from("%$\\\"' ;#=-{}éß漢\u2028\u00a0ahnx0@:!+"), max_size=12)
words = st.one_of(texts, awkward)


@given(
    st.lists(words, max_size=4), st.dictionaries(st.sampled_from(["PATH", "DOCKER_HOST", "no_proxy"]), words)
)
@example(["/my project/%h/$HOME", "trailing\\", "", ";", "'", '"'], {"HTTP_PROXY": "http://u:p%40@proxy"})
def test_systemd_reads_the_same_words_and_variables_back(
    arguments: list[str], environment: dict[str, str]
) -> None:
    argv = ("/venv/bin/python", *arguments)
    settings = settings_of(unit_text(replace(DESCRIPTION, argv=argv, environment=environment)))
    (command,) = [value for name, value in settings if name == "ExecStart"]
    # After the colon systemd replaces no $NAME.
    assert command[0] == ":"
    assert words_of(command[1:]) == list(argv)
    variables = [words_of(value) for name, value in settings if name == "Environment"]
    assert all(len(pair) == 1 for pair in variables)
    assert dict(pair[0].split("=", 1) for pair in variables) == environment


@given(
    st.lists(words, max_size=4), st.dictionaries(st.sampled_from(["PATH", "DOCKER_HOST", "no_proxy"]), words)
)
def test_launchd_reads_the_same_words_and_variables_back(
    arguments: list[str], environment: dict[str, str]
) -> None:
    argv = ("/venv/bin/python", *arguments)
    content = plist(replace(DESCRIPTION, argv=argv, environment=environment), Path("/log"))
    read = plistlib.loads(content)
    assert (read["ProgramArguments"], read["EnvironmentVariables"]) == (list(argv), environment)


def test_the_unit_waits_for_word_of_devbox_and_stops_later_than_the_container() -> None:
    settings = dict(settings_of(unit_text(DESCRIPTION)))
    assert settings["Type"] == "notify"
    assert (settings["Restart"], settings["RestartPreventExitStatus"]) == ("on-failure", "2 4")
    assert settings["TimeoutStopSec"] == "34"
    assert settings["KillMode"] == "process"
    assert settings["WantedBy"] == "default.target"


def test_the_job_is_started_at_login_and_again_when_it_fails() -> None:
    read = plistlib.loads(plist(DESCRIPTION, Path("/state/service.log")))
    assert read["Label"] == label(DESCRIPTION) == "dev.devbox.shop.0123456789abcdef"
    assert (read["RunAtLoad"], read["KeepAlive"]) == (True, {"SuccessfulExit": False})
    assert read["ExitTimeOut"] == 34
    assert read["StandardOutPath"] == read["StandardErrorPath"] == "/state/service.log"


@given(st.text(max_size=60))
def test_a_unit_has_a_name_that_needs_no_escaping(folder: str) -> None:
    from devbox.projectconfig import valid_name

    name = unit_name(replace(DESCRIPTION, project=valid_name(folder, explicit=False)))
    assert re.fullmatch(r"devbox-[a-z0-9-]+-[0-9a-f]{16}\.service", name)


def project(folder: Path, settings: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "devbox.toml").write_text(settings)
    return folder


def test_it_is_devbox_up_in_the_foreground_with_what_leads_to_the_engine(tmp_path: Path) -> None:
    config = load(project(tmp_path / "shop", "stop_grace = 12.0\n"), {}, {})
    environ = {"DOCKER_HOST": "ssh://far", "PATH": "/bin", "API_KEY": "secret", "NO_PROXY": ""}
    found = describe(config, "0123456789abcdef", environ, "/venv/bin/python")
    up = ("/venv/bin/python", "-P", "-m", "devbox", "up", str(tmp_path / "shop"), "--output", "plain")
    assert found.argv == up
    assert found.environment == {"DOCKER_HOST": "ssh://far", "PATH": "/bin"}
    assert found.stop_within > 12.0


def test_variables_of_build_secrets_are_named_and_not_kept(tmp_path: Path) -> None:
    config = load(project(tmp_path / "shop", '[secrets]\nkey = { env = "API_KEY" }\n'), {}, {})
    assert asked_variables(config) == ("API_KEY",)


@pytest.mark.parametrize("name", ["new\nline", os.fsdecode(b"latin-\xe9"), "non\ufffecharacter"])
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    config = load(project(tmp_path / name), {}, {})
    with pytest.raises(UsageError, match="the project's path cannot be written into a unit"):
        describe(config, "0123456789abcdef", {}, "/venv/bin/python")


def test_a_variable_or_an_interpreter_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    config = load(project(tmp_path / "shop"), {}, {})
    with pytest.raises(UsageError, match="PATH cannot be written"):
        describe(config, "0123456789abcdef", {"PATH": "/bin:\x1b"}, "/venv/bin/python")
    with pytest.raises(UsageError, match="the interpreter"):
        describe(config, "0123456789abcdef", {}, '/ve"nv/bin/python')
