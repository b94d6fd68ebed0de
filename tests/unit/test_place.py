"""PATH:SERVICE is told from folders with a colon in their name, and is one place however it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.daemon.lock import runtime_directory
from devbox.place import canonical, place_of, split


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shop = tmp_path / "shop"
    shop.mkdir()
    monkeypatch.chdir(shop)
    return shop


@pytest.mark.parametrize("typed", [":worker", "./:worker", "../shop:worker", "../link:worker"])
def test_a_service_is_found_from_wherever_it_is_named(shop: Path, typed: str) -> None:
    (shop.parent / "link").symlink_to(shop)
    assert canonical(Path(typed)) == place_of(shop, "worker")
    assert runtime_directory(Path(typed)) == runtime_directory(place_of(shop, "worker"))
    assert runtime_directory(Path(typed)) != runtime_directory(shop)


def test_a_folder_may_have_a_colon_in_its_name(shop: Path) -> None:
    (shop / "a:b").mkdir()
    (shop / "a").mkdir()
    assert split(Path("a:b")) == (Path("a:b"), "")


@pytest.mark.parametrize("typed", ["none:worker", "shop:", "a:b/c", "..", "/"])
def test_everything_else_is_a_folder_that_may_not_be_there(shop: Path, typed: str) -> None:
    assert split(Path(typed)) == (Path(typed), "")
    assert canonical(Path(typed)) == Path(typed)
