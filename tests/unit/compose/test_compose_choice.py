from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.compose.choice import choose
from devbox.errors import ConfigError, SeveralServices

BUILT: dict[str, Any] = {"build": {"context": "."}}
STARTED = {"condition": "service_started"}


def test_the_only_service_with_a_build_is_developed() -> None:
    choice = choose({"db": {"image": "x"}, "api": BUILT}, "", "compose.yaml")
    assert choice is not None
    assert (choice.service, choice.before, choice.after) == ("api", ("db",), ())


def test_what_needs_the_developed_service_starts_after_it_also_by_way_of_others() -> None:
    services = {
        "db": {},
        "api": BUILT | {"depends_on": {"db": STARTED}},
        "proxy": {"depends_on": {"api": STARTED}},
        "checks": {"depends_on": {"proxy": STARTED}},
    }
    choice = choose(services, "", "compose.yaml")
    assert choice is not None
    assert (choice.before, choice.after) == (("db",), ("proxy", "checks"))


def test_a_service_that_others_wait_to_end_is_a_job() -> None:
    services = {
        "seed": {},
        "api": BUILT | {"depends_on": {"seed": {"condition": "service_completed_successfully"}}},
    }
    choice = choose(services, "", "compose.yaml")
    assert choice is not None
    assert choice.jobs == ("seed",)


def test_a_file_that_builds_nothing_is_no_configuration() -> None:
    assert choose({"db": {"image": "x"}}, "", "compose.yaml") is None


def test_one_of_several_has_to_be_named() -> None:
    with pytest.raises(SeveralServices, match="builds 2 services: api, worker") as caught:
        choose({"api": BUILT, "worker": BUILT}, "", "compose.yaml")
    assert caught.value.services == ("api", "worker")
    choice = choose({"api": BUILT, "worker": BUILT}, "worker", "compose.yaml")
    assert choice is not None
    assert (choice.service, choice.before) == ("worker", ("api",))


def test_a_service_that_is_not_there_or_not_built_is_refused() -> None:
    with pytest.raises(ConfigError, match="no service 'ap'") as unknown:
        choose({"api": BUILT}, "ap", "compose.yaml")
    assert unknown.value.hint == "did you mean 'api'?"
    with pytest.raises(ConfigError, match=r"'db' of compose\.yaml has no build") as foreign:
        choose({"api": BUILT, "db": {}}, "db", "compose.yaml")
    assert foreign.value.hint == "services with one: api"


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@given(st.dictionaries(NAMES, st.sets(NAMES), min_size=1))
def test_every_other_service_is_either_before_or_after(needs: dict[str, set[str]]) -> None:
    services: dict[str, Any] = {
        name: {"depends_on": dict.fromkeys(on & needs.keys(), STARTED)} for name, on in needs.items()
    }
    first = next(iter(services))
    services[first]["build"] = {"context": "."}
    choice = choose(services, "", "compose.yaml")
    assert choice is not None
    assert sorted((choice.service, *choice.before, *choice.after)) == sorted(services)
    for name in choice.before:
        assert first not in services[name]["depends_on"]
        assert not set(services[name]["depends_on"]) & set(choice.after)


def test_beside_other_developed_services_only_what_is_nobody_elses_is_started() -> None:
    services = {
        "db": {},
        "api": BUILT | {"depends_on": {"db": STARTED}},
        "worker": BUILT | {"depends_on": {"api": STARTED}},
        "proxy": {"depends_on": {"api": STARTED}},
        "checks": {"depends_on": {"worker": STARTED}},
    }
    api = choose(services, "api", "compose.yaml", beside_others=True)
    worker = choose(services, "worker", "compose.yaml", beside_others=True)
    assert api is not None
    assert worker is not None
    # What waits for the worker is started once the worker serves, though it needs the api as well.
    assert (api.before, api.after) == (("db",), ("proxy", "checks"))
    assert (worker.before, worker.after) == (("db",), ("checks",))
