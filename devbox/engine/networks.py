"""Networks over the docker SDK, as blocking work for one thread; see `objects`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

import docker.errors
from docker import APIClient

from devbox.engine import facts
from devbox.engine.values import NetworkFacts
from devbox.model import LABEL_PROJECT, NetworkAttachment

_CONFLICT = 409


def networks(client: APIClient, project: str) -> tuple[NetworkFacts, ...]:
    """The project's networks."""
    listing = client.networks(filters={"label": f"{LABEL_PROJECT}={project}"})
    return tuple(
        NetworkFacts(str(entry["Name"]), dict(entry.get("Labels") or {}), _used(client, entry))
        for entry in listing
    )


def _used(client: APIClient, network: facts.Json) -> bool:
    # The network itself tells of running containers only; one that rests could not be started any more. One
    # that was never started knows its networks by name alone.
    filters = {"network": [network["Id"], network["Name"]]}
    return bool(client.containers(all=True, quiet=True, filters=filters))


def ensure_network(client: APIClient, name: str, labels: Mapping[str, str] | None) -> None:
    """Creates the network if it is not there; without `labels` it has to be."""
    if labels is None:
        client.inspect_network(name)
        return
    # The filter finds parts of names too.
    if any(entry["Name"] == name for entry in client.networks(names=[name])):
        return
    try:
        client.create_network(name, driver="bridge", check_duplicate=True, labels=dict(labels))
    except docker.errors.APIError as error:
        # Somebody else was quicker.
        if error.status_code != _CONFLICT:
            raise


def remove_network(client: APIClient, name: str) -> None:
    """Removes the network if it is there."""
    with contextlib.suppress(docker.errors.NotFound):
        client.remove_network(name)


def join_again(client: APIClient, container: str, attachments: Iterable[NetworkAttachment]) -> None:
    """Out of each network and into it with its aliases."""
    for network in attachments:
        client.disconnect_container_from_network(container, network.name)
        join(client, container, network)


def join(client: APIClient, container: str, network: NetworkAttachment) -> None:
    """Into a network, with its aliases."""
    client.connect_container_to_network(container, network.name, aliases=list(network.aliases) or None)
