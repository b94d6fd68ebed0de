"""When a build needs a session, and where the secrets come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.build.asked import asked_of
from devbox.build.dockerfile import mounted_secrets, parse
from devbox.build.failure import build_failed
from devbox.build.job import Asked
from devbox.build.mask import Mask
from devbox.build.needs import Needs, needs, registry_of
from devbox.build.secrets import read_secrets
from devbox.engine.fake import FakeEngine
from devbox.engine.values import EngineInfo, RegistryLogin
from devbox.errors import ConfigError
from devbox.model import SecretSource

PLAIN = "FROM python:3.13-slim\nCOPY . .\n"
MOUNTS = f"{PLAIN}RUN --mount=type=secret,id=token pip install x\n"
TOKEN, OTHER = SecretSource("token", file="t"), SecretSource("other", variable="O")
INFO = EngineInfo("Fake", "1", "1.41", "fake://", True, True)


def need(text: str, *, target: str = "", **changes: object) -> Needs:
    fields: dict[str, object] = {
        "secrets": (TOKEN, OTHER),
        "registries": frozenset({"private.test"}),
        "frontend": False,
        "resolves_all": False,
    }
    return needs(parse(text), {}, target, **{**fields, **changes})  # type: ignore[arg-type] # a test's own


def test_a_plain_build_needs_nothing() -> None:
    assert need(PLAIN) == Needs()
    assert need("FROM private.test/base:1\n") == Needs()


def test_only_secrets_that_the_target_mounts_are_given() -> None:
    assert need(MOUNTS) == Needs(session=True, given=(TOKEN,))
    assert need(MOUNTS, secrets=()) == Needs(session=True, missing=("token",))
    stages = f"FROM a AS one\nRUN --mount=type=secret,id=x true\n{PLAIN}"
    assert need(stages) == Needs()
    assert need(stages, target="one") == Needs(session=True, missing=("x",))


def test_a_frontend_may_ask_for_every_secret() -> None:
    assert need(PLAIN, frontend=True) == Needs(session=True, given=(TOKEN, OTHER))


def test_images_that_the_builder_asks_registries_for() -> None:
    assert need("FROM a:${TARGETARCH}\n").session
    assert need("FROM private.test/base:1\n", resolves_all=True).session
    assert not need(PLAIN, resolves_all=True).session
    assert need(PLAIN, resolves_all=True, registries=("docker.io",)).session


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("python:3.13", "docker.io"),
        ("library/python", "docker.io"),
        ("index.docker.io/library/python", "docker.io"),
        ("localhost/x", "localhost"),
        ("localhost:5000/x/y:1", "localhost:5000"),
        ("ghcr.io/x/y@sha256:1", "ghcr.io"),
    ],
)
def test_the_registry_of_an_image(image: str, registry: str) -> None:
    assert registry_of(image) == registry


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ("type=secret,id=a", "a"),
        ("type=secret,id=a,required=true,target=/x", "a"),
        ("type=secret,target=/x/name", "name"),
        ("type=secret,source=b,target=/x/name", "b"),
        ("type=secret,id=$WHO", "me"),
        ("type=cache,id=a,target=/x", ""),
    ],
)
def test_secrets_that_are_mounted(mount: str, expected: str) -> None:
    text = f"FROM x\nARG WHO=me\nRUN --mount={mount} true\nRUN --mount={mount} false\n"
    assert mounted_secrets(parse(text)) == ((expected,) if expected else ())


async def asked(text: str, root: Path, info: EngineInfo = INFO, *, frontend: bool = False) -> Asked:
    engine = FakeEngine()
    engine.logins["private.test"] = RegistryLogin("u", "p")
    return await asked_of(
        engine,
        info,
        parse(text),
        build_args={},
        target="",
        secrets=(TOKEN, OTHER),
        root=root,
        environ={},
        frontend=frontend,
    )


async def test_what_is_asked_for_is_read(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\xffvalue\n")
    assert await asked(PLAIN, tmp_path) == Asked()
    assert await asked(MOUNTS, tmp_path) == Asked(session=True, secrets={"token": b"\xffvalue\n"})
    found = await asked(PLAIN, tmp_path, frontend=True)
    assert found.missing == {"other": "the environment variable O is not set"}
    assert "value" not in repr(found)


async def test_the_classic_builder_is_asked_by_nobody(tmp_path: Path) -> None:
    classic = EngineInfo("Podman", "1", "1.41", "fake://", buildkit=False, reaches_containers=True)
    assert await asked(MOUNTS, tmp_path, classic) == Asked()


async def test_the_containerd_store_resolves_every_image(tmp_path: Path) -> None:
    info = EngineInfo("Fake", "28", "1.51", "fake://", True, True, image_store="containerd")
    assert (await asked("FROM private.test/x\n", tmp_path, info)).session
    assert not (await asked(PLAIN, tmp_path, info)).session


def test_secrets_come_from_files_and_variables(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("value")
    given = read_secrets((TOKEN, OTHER), tmp_path, {"O": "from outside"})
    assert given == {"token": b"value", "other": b"from outside"}
    assert read_secrets((OTHER,), tmp_path, {}) == {}


def test_a_secret_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the secret 'token' cannot be read: t is not there"):
        read_secrets((TOKEN,), tmp_path, {})
    (tmp_path / "t").write_bytes(bytes(512_001))
    with pytest.raises(ConfigError, match="larger than 500 KiB"):
        read_secrets((TOKEN,), tmp_path, {})
    (tmp_path / "t").unlink()
    (tmp_path / "t").mkdir()
    with pytest.raises(ConfigError, match="'token' cannot be read"):
        read_secrets((TOKEN,), tmp_path, {})


@pytest.mark.parametrize(
    ("values", "text", "shown"),
    [
        ([], "as it is", "as it is"),
        ([b""], "as it is", "as it is"),
        ([b"hunter2\n"], "it is hunter2, hunter2", "it is ***, ***"),
        ([b"abc", b"abcdef"], "abcdef abc", "*** ***"),
        ([b'{\n  "password": "x1"\n}\n'], '{ "password": "x1" }', "{ *** }"),
        ([b"a.c"], "abc a.c", "abc ***"),
        ([b"\xff\xfe12"], "\ufffd\ufffd12", "***"),
    ],
)
def test_masks(values: list[bytes], text: str, shown: str) -> None:
    assert Mask(values)(text) == shown


def test_a_missing_secret_is_named_where_its_step_fails() -> None:
    missing = {"api.key": "nobody gives it", "key": "the environment variable K is not set"}
    said = build_failed("RUN --mount=type=secret,id=key x", "exit code: 1", (), missing).hint
    assert said.startswith("the step wants the secret 'key', and the environment variable K is not set")
    assert "--secret id=key,src=FILE" in said
    assert "'api.key'" in build_failed("", "secret api.key: not found", (), missing).hint
    failing = "executor failed running [/bin/sh -c key x]: exit code: 1"
    assert build_failed("RUN --mount=type=cache,id=key key x", failing, (), missing).hint == ""
