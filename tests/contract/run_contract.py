"""What an engine must do of networks, limits and restarts: what the settings of a container need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from devbox.engine.fake import Behaviour
from devbox.engine.values import EngineEvent
from devbox.errors import Conflict, NotFound
from devbox.model import LABEL_PROJECT, NetworkAttachment, RestartPolicy
from tests.contract.engine_contract import BOUND, SERVES, Lab, eventually, facts_of, fetch, spec_of, started


class RunContract:
    """The promises, one test each."""

    async def test_a_network_is_made_once_and_keeps_its_labels(self, lab: Lab) -> None:
        name, labels = f"{lab.project}-net", {LABEL_PROJECT: lab.project}
        for given in (labels, {LABEL_PROJECT: "another"}):
            await lab.engine.ensure_network(name, given)
        (found,) = await lab.engine.networks(lab.project)
        assert (found.name, found.labels, found.used) == (name, labels, False)
        assert await lab.engine.networks(f"{lab.project}-other") == ()
        for _ in range(2):
            await lab.engine.remove_network(name)
        assert await lab.engine.networks(lab.project) == ()

    async def test_what_somebody_else_is_to_make_is_not_made(self, lab: Lab) -> None:
        name = f"{lab.project}-theirs"
        for ensure in (lab.engine.ensure_network, lab.engine.ensure_volume):
            with pytest.raises(NotFound):
                await ensure(name, None)
            await ensure(name, {LABEL_PROJECT: lab.project})
            await ensure(name, None)
        await lab.engine.remove_network(name)
        await lab.engine.remove_volume(name)

    async def test_a_network_is_used_by_a_container_that_rests_too(self, lab: Lab) -> None:
        name = f"{lab.project}-net"
        await lab.engine.ensure_network(name, {LABEL_PROJECT: lab.project})
        image = await lab.image(SERVES)
        container = await lab.engine.create(spec_of(lab, image, networks=(NetworkAttachment(name),)))
        assert [network.used for network in await lab.engine.networks(lab.project)] == [True]
        await lab.engine.start(container)
        with pytest.raises(Conflict):
            await lab.engine.remove_network(name)
        await lab.engine.stop(container, 1.0)
        assert [network.used for network in await lab.engine.networks(lab.project)] == [True]
        await lab.engine.remove_container(container)
        assert [network.used for network in await lab.engine.networks(lab.project)] == [False]
        await lab.engine.remove_network(name)

    async def test_a_container_in_two_networks_answers_at_its_addresses(self, lab: Lab) -> None:
        names = [f"{lab.project}-{number}" for number in range(2)]
        for name in names:
            await lab.engine.ensure_network(name, {LABEL_PROJECT: lab.project})
        attached = tuple(NetworkAttachment(name, ("web",)) for name in names)
        container = await started(lab, SERVES, networks=attached)
        facts = await facts_of(lab, container)
        assert facts.address == facts.addresses[0]
        for address in facts.addresses:
            assert await fetch(address, SERVES.port) == SERVES.text
        await lab.engine.join_again(container, attached)
        facts = await facts_of(lab, container)
        assert await fetch(facts.address, SERVES.port) == SERVES.text
        await lab.engine.remove_container(container)
        for name in names:
            await lab.engine.remove_network(name)

    async def test_a_container_that_is_not_there_joins_nothing(self, lab: Lab) -> None:
        for missing in (
            lab.engine.join_again("devbox-nobody", (NetworkAttachment("bridge"),)),
            lab.engine.restart_policy("devbox-nobody", RestartPolicy("always")),
        ):
            with pytest.raises(NotFound):
                await missing

    async def test_its_limit_of_memory_and_its_restart_policy_are_known(self, lab: Lab) -> None:
        container = await started(lab, SERVES, memory=64 << 20, cpus=0.5, tmpfs={"/scratch": "size=1m"})
        facts = await facts_of(lab, container)
        assert (facts.memory, facts.restart) == (64 << 20, RestartPolicy("no"))
        assert facts.started > 0
        policy = RestartPolicy("on-failure", 3)
        await lab.engine.restart_policy(container, policy)
        assert (await facts_of(lab, container)).restart == policy

    async def test_a_container_that_was_started_again_says_so(self, lab: Lab) -> None:
        container = await started(lab, SERVES)
        before = (await facts_of(lab, container)).started
        await lab.engine.stop(container, 1.0)
        await lab.engine.start(container)
        after = await facts_of(lab, container)
        assert after.running
        assert after.started > before

    async def test_an_end_is_told_with_its_status(self, lab: Lab) -> None:
        ended: list[int | None] = []

        async def told() -> bool:
            return bool(ended)

        events = lab.engine.events()
        following = asyncio.ensure_future(_statuses(events, lab.project, ended))
        try:
            # Whoever listens is not heard of at once.
            async def once_more() -> bool:
                container = await started(lab, Behaviour(exits=3))
                await lab.engine.wait(container)
                await lab.engine.remove_container(container)
                return await told()

            await eventually(once_more, BOUND)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        assert ended[0] == 3


async def _statuses(events: AsyncIterator[EngineEvent], project: str, ended: list[int | None]) -> None:
    async for event in events:
        if event.action == "die" and event.labels[LABEL_PROJECT] == project:
            ended.append(event.exit_status)
