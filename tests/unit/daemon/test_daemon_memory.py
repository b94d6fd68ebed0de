"""What is read back from the engine's labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devbox.config import load, load_leniently
from devbox.daemon.hostports import HostPorts
from devbox.daemon.lock import ProjectLock, make_runtime_directory
from devbox.daemon.memory import (
    Memory,
    is_ours,
    of_place,
    other_user,
    recall,
    refuse_foreign_project,
    revision_number,
    revision_of,
    running_elsewhere,
    serving_container,
    superseded_images,
)
from devbox.daemon.teardown import take_down
from devbox.engine.fake import FakeEngine
from devbox.engine.values import ContainerFacts, ContainerSpec
from devbox.errors import AlreadyRunning, ConfigError
from devbox.model import LABEL_REVISION, LABEL_USER, Backend, NetworkAttachment, Revision, VolumeMount
from devbox.place import place_of
from devbox.release.spec import ROLE_APP, network_labels, project_labels

from .kit import container, image, labels


async def test_the_newest_revision_comes_first(tmp_path: Path) -> None:
    engine = FakeEngine()
    for number in (9, 10, 2):
        name = engine.add_image(f"shop:r{number}", labels=labels(number, role="image"))
        await engine.create(ContainerSpec(f"devbox-shop-r{number}", name, labels(number)))
    other = engine.add_image("other:r99")
    await engine.create(ContainerSpec("other", other, {LABEL_REVISION: "99"}))
    memory = await recall(engine, load(tmp_path, {"project": "shop"}, {}))
    assert [revision_number(item.labels) for item in memory.containers] == [10, 9, 2]
    assert [revision_number(item.labels) for item in memory.images] == [10, 9, 2]
    assert memory.last_number == 10
    await engine.close()


def test_numbers_only_grow_whatever_is_left() -> None:
    assert Memory((), ()).last_number == 0
    assert Memory((container(3),), (image(7), image(2))).last_number == 7
    assert Memory((container(8, status="exited"),), (image(7),)).last_number == 8


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("", 0), ("x", 0), ("-1", 0), ("²", 0), ("1.0", 0)])
def test_a_label_that_is_no_number_counts_as_none(text: str, number: int) -> None:
    assert revision_number({LABEL_REVISION: text}) == number
    assert revision_number({}) == 0


def test_a_revision_is_read_back_whole() -> None:
    assert revision_of(container(4)) == Revision(4, "image-4", "context-4", "config-4")


AT_2 = container(2, address="172.17.0.2")
AT_3 = container(3, address="172.17.0.3")
PUBLISHED_2 = container(2, published={"8000/tcp": (Backend("0.0.0.0", 32768), Backend("::", 32768))})
PUBLISHED_3 = container(3, published={"8000/tcp": (Backend("127.0.0.1", 32769),)})


@pytest.mark.parametrize(
    ("containers", "pointed", "found"),
    [
        ((), (), None),
        ((AT_3, AT_2), (), "container-3"),
        ((AT_3, AT_2), (Backend("172.17.0.2", 8000),), "container-2"),
        ((AT_3, AT_2), (Backend("172.17.0.9", 8000),), "container-3"),
        ((PUBLISHED_3, PUBLISHED_2), (Backend("127.0.0.1", 32768),), "container-2"),
        ((PUBLISHED_3, PUBLISHED_2), (Backend("10.0.0.5", 32769),), "container-3"),
        ((container(3, status="exited"), AT_2), (), "container-2"),
        ((container(3, status="exited"),), (), None),
        ((container(3, role="standby"), AT_2), (), "container-2"),
        # One without an address is not what an empty host points at.
        ((container(3), AT_2), (Backend("172.17.0.2", 8000),), "container-2"),
    ],
)
def test_what_serves_is_what_the_gate_points_at_else_the_newest_that_runs(
    containers: tuple[ContainerFacts, ...], pointed: tuple[Backend, ...], found: str | None
) -> None:
    serves = serving_container(Memory(containers, ()), pointed)
    assert (serves.id if serves else None) == found


async def test_a_project_of_the_same_name_elsewhere_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("devbox.daemon.lock.PATH_BYTES", 4096)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    config = load(here, {"project": "shop"}, {})

    async def recalled(root: str) -> Memory:
        engine = FakeEngine()
        name = engine.add_image("shop:r1", labels=labels(1, role="image", root=root))
        await engine.create(ContainerSpec("devbox-shop-r1", name, labels(1, root=root)))
        memory = await recall(engine, config)
        await engine.close()
        return memory

    foreign = await recalled(str(there))
    assert (foreign.containers, foreign.images) == ((), ())
    with pytest.raises(ConfigError, match="'shop' is taken") as caught:
        refuse_foreign_project(foreign, config)
    assert str(there) in caught.value.cause
    assert "project" in caught.value.hint
    for ours in (str(here), "", str(tmp_path / "moved away")):
        memory = await recalled(ours)
        refuse_foreign_project(memory, config)
        assert len(memory.containers) == len(memory.images) == 1
    moved = tmp_path / "moved away"
    with ProjectLock(make_runtime_directory(moved)):
        foreign = await recalled(str(moved))
    with pytest.raises(ConfigError) as caught:
        refuse_foreign_project(foreign, config)
    assert caught.value.hint.endswith(f"devbox down '{moved}'")


async def test_what_runs_elsewhere_under_the_name_is_told_by_its_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    config = load(here, {"project": "shop"}, {})
    mine = container(1, root=str(here))
    other = container(2, root=str(there))
    ended = container(3, root=str(there), status="exited")
    orphan = container(4, root=str(tmp_path / "moved away"))
    assert running_elsewhere((mine, other, ended, orphan), config) == (str(there),)
    assert running_elsewhere((mine, ended, orphan), config) == ()


def test_a_folder_that_is_gone_may_have_held_another_program(tmp_path: Path) -> None:
    config = load(tmp_path, {"project": "shop"}, {})
    gone = labels(1, root=str(tmp_path / "deleted"))
    # Nothing of it is in the way, and nothing of it is served again.
    assert (is_ours(gone, config), of_place(gone, config)) == (True, False)
    assert of_place(labels(1, root=str(tmp_path)), config)
    assert of_place({}, config)


async def test_what_somebody_runs_from_an_image_of_devboxs_is_left_alone(tmp_path: Path) -> None:
    config = load(tmp_path, {"project": "shop"}, {})
    engine = FakeEngine()
    inherited = labels(1, role="image", root=str(tmp_path))
    name = engine.add_image("shop:r1", labels=inherited)
    await engine.create(ContainerSpec("a-look-inside", name, inherited))
    assert (await recall(engine, config)).containers == ()
    await take_down(engine, config, HostPorts(engine, tmp_path), volumes=False)
    assert [each.name for each in await engine.containers("shop")] == ["a-look-inside"]
    await engine.close()


async def test_what_another_user_runs_in_the_same_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    config = load(tmp_path, {"project": "shop"}, {})
    theirs = {**labels(1, root=str(tmp_path)), LABEL_USER: str(os.getuid() + 54321)}

    async def recalled(engine: FakeEngine, found: dict[str, str]) -> Memory:
        name = engine.add_image("shop:r1", labels=labels(1, role="image", root=str(tmp_path)))
        await engine.create(ContainerSpec("devbox-shop-r1", name, found))
        return await recall(engine, config)

    engine = FakeEngine()
    memory = await recalled(engine, theirs)
    assert (memory.containers, len(memory.images)) == ((), 1)
    assert other_user(memory, config) == str(os.getuid() + 54321)
    with pytest.raises(AlreadyRunning, match=f"user {os.getuid() + 54321} runs this project"):
        refuse_foreign_project(memory, config)
    await take_down(engine, config, HostPorts(engine, tmp_path), volumes=False)
    assert len(await engine.containers("shop")) == 1
    await engine.close()

    engine = FakeEngine()
    memory = await recalled(engine, theirs | {LABEL_USER: str(os.getuid())})
    assert (len(memory.containers), other_user(memory, config)) == (1, None)
    refuse_foreign_project(memory, config)
    await engine.close()


async def test_services_side_by_side_share_a_network_that_the_last_one_removes(tmp_path: Path) -> None:
    api, worker = (load_leniently(place_of(tmp_path, name), {}) for name in ("api", "worker"))
    engine = FakeEngine()
    image = engine.add_image("app")
    await engine.ensure_network("shop_default", network_labels(api))
    for config in (api, worker):
        spec = ContainerSpec(
            f"devbox-{config.project}-r1",
            image,
            project_labels(config, ROLE_APP),
            networks=(NetworkAttachment("shop_default"),),
        )
        await engine.create(spec)
    first = await take_down(engine, api, HostPorts(engine, tmp_path), volumes=False)
    assert (first.containers, first.networks) == ((f"devbox-{api.project}-r1",), ())
    second = await take_down(engine, worker, HostPorts(engine, tmp_path), volumes=False)
    assert second.networks == ("shop_default",)
    await engine.close()


async def test_volumes_that_stay_though_they_were_to_go_are_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "devbox.toml").write_text('volumes = ["made:/a", "used:/b", "theirs:/c", "never:/d"]\n')
    config = load_leniently(tmp_path, {})
    engine = FakeEngine()
    image = engine.add_image("app")
    for name in ("made", "used"):
        await engine.ensure_volume(name, project_labels(config, ROLE_APP))
    await engine.ensure_volume("theirs", {})
    mount = VolumeMount("volume", "used", "/b")
    await engine.create(ContainerSpec("somebody", image, {}, mounts=(mount,)))
    removed = await take_down(engine, config, HostPorts(engine, tmp_path), volumes=True)
    assert removed.volumes == ("made",)
    assert removed.volumes_left == (
        ("used", "a container of somebody else's uses it"),
        ("theirs", "devbox did not make it for this project"),
    )
    await engine.close()


@pytest.mark.parametrize(
    ("images", "serving", "containers", "keep", "removed"),
    [
        ([5, 4, 3, 2, 1], "image-5", [], 5, ()),
        ([6, 5, 4, 3, 2, 1], "image-6", [], 5, ("image-1",)),
        ([6, 5, 4, 3, 2, 1], "image-6", [], 1, ("image-5", "image-4", "image-3", "image-2", "image-1")),
        # A rollback serves an old one; a container that is just retired needs another.
        ([6, 5, 4, 3, 2, 1], "image-1", [2], 3, ("image-3",)),
        ([], "image-1", [], 1, ()),
    ],
)
def test_images_that_nobody_needs(
    images: list[int], serving: str, containers: list[int], keep: int, removed: tuple[str, ...]
) -> None:
    memory = Memory(tuple(map(container, containers)), tuple(map(image, images)))
    assert superseded_images(memory, [serving], keep) == removed


def test_images_that_never_served_take_no_place_of_those_that_did() -> None:
    memory = Memory((), tuple(map(image, [9, 8, 7, 6, 5, 4, 3])))
    never = {9, 8, 6, 5}
    removed = superseded_images(memory, ["image-7"], 2, lambda number: number not in never)
    # The newest may be about to serve.
    assert removed == ("image-8", "image-6", "image-5", "image-3")
