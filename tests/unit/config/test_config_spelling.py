"""What is said of a wrong setting, in the words of the place where it is written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.config import load
from devbox.errors import ConfigError
from devbox.toml import as_toml
from tests.unit.compose.fake import FakeDocker


def refused(root: Path, environ: dict[str, str] | None = None, **flags: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(root, flags, environ or {})
    return caught.value


@pytest.mark.parametrize(
    ("name", "value", "what", "hint"),
    [
        ("memory", "5x", "-m '5x' cannot be read", "write -m 512m, with b, k, m or g"),
        (
            "networks",
            ("host",),
            "--network 'host' cannot be read",
            "write --network NAME or --network name=NAME,alias=ALIAS",
        ),
        (
            "restart",
            "foo",
            "--restart 'foo' cannot be read",
            "write --restart no, always, unless-stopped, on-failure or on-failure:5",
        ),
        (
            "health_interval",
            "5x",
            "--health-interval '5x' cannot be read",
            "write --health-interval 5s, 1m30s or 500ms",
        ),
    ],
)
def test_of_a_flag_the_flag_is_named(tmp_path: Path, name: str, value: Any, what: str, hint: str) -> None:
    error = refused(tmp_path, **{name: value})
    assert (error.what, error.hint) == (what, hint)


def test_of_a_settings_file_the_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "devbox.toml").write_text('memory = "5x"\n')
    error = refused(tmp_path, restart="no")
    assert (error.what, error.hint) == (
        "memory '5x' cannot be read",
        'write memory = "512m", with b, k, m or g',
    )


def test_of_a_compose_file_its_own_key_is_named(tmp_path: Path) -> None:
    docker = FakeDocker(tmp_path / "docker")
    (tmp_path / "compose.yaml").touch()
    service = {"build": {"context": str(tmp_path)}, "working_dir": "code"}
    docker.answers("config", out={"name": "shop", "services": {"web": service}})
    error = refused(tmp_path, docker.environ)
    assert error.what == "compose.yaml: services.web.working_dir 'code' cannot be read"
    assert error.hint == "write working_dir: /code"


@pytest.mark.parametrize(
    ("written", "cause"),
    [
        ("ports = 8000", "it should be a list, not 8000"),
        ("environment = []", "it should be a table, not []"),
        ('keep_images = "five"', 'it should be a whole number, not "five"'),
        ("keep_images = 0", "it should be at least 1, not 0"),
        ("start_timeout = 0", "it should be more than 0, not 0"),
        ("debug_port = 70000", "it should be at most 65535, not 70000"),
        ('warm = "yes"', 'it should be true or false, not "yes"'),
        ('swap = "quick"', 'it should be "rolling" or "recreate", not "quick"'),
        ("cpus = inf", "it should be a finite number, not inf"),
        ("target = true", "it should be a text in quotes, not true"),
    ],
)
def test_a_wrong_kind_of_value_is_told_in_the_words_of_toml(tmp_path: Path, written: str, cause: str) -> None:
    (tmp_path / "devbox.toml").write_text(f"{written}\n")
    assert refused(tmp_path).cause == cause


TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES)
def test_a_value_is_written_so_that_toml_reads_it(value: Any) -> None:
    assert tomllib.loads(f"value = {as_toml(value)}") == {"value": value}
