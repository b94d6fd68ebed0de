"""What a revision's container is created from. Pure: Config and image in, ContainerSpec out."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace

from devbox.config import Config
from devbox.engine.values import ContainerSpec, EngineInfo, ImageFacts
from devbox.model import (
    LABEL_BEFORE_START,
    LABEL_CONFIG_HASH,
    LABEL_CONTEXT_DIGEST,
    LABEL_PROJECT,
    LABEL_REVISION,
    LABEL_ROLE,
    LABEL_ROOT,
    LABEL_USER,
    HealthCheck,
    NetworkAttachment,
    PortMapping,
    Revision,
    VolumeMount,
)
from devbox.release.debugging import ENVIRONMENT, under_debugger
from devbox.release.workers import workers_environment

ROLE_APP = "app"
ROLE_STANDBY = "standby"
ROLE_VOLUME = "volume"
ROLE_IMAGE = "image"
ROLE_NETWORK = "network"
ROLE_BEFORE_START = "before-start"
_BRIDGE = "bridge"
# Seconds between two checks of health where nothing else is said, and a time that no standby waits.
_ENGINES_PACE = 30.0
_STANDS_BY = 365 * 24 * 3600.0


def project_labels(config: Config, role: str) -> dict[str, str]:
    """The labels of everything devbox makes for a project."""
    return {LABEL_PROJECT: config.project, LABEL_ROLE: role, LABEL_ROOT: str(config.place)}


def network_labels(config: Config) -> dict[str, str]:
    """Those of a network, which the services of one folder that are developed side by side share."""
    return {LABEL_PROJECT: config.family, LABEL_ROLE: ROLE_NETWORK, LABEL_ROOT: str(config.root)}


def revision_labels(config: Config, number: int, context_digest: str, role: str) -> dict[str, str]:
    """The labels of an image or a container: what it was made from, so that it can be found again."""
    return {
        **project_labels(config, role),
        LABEL_REVISION: str(number),
        LABEL_CONFIG_HASH: config.config_hash,
        LABEL_CONTEXT_DIGEST: context_digest,
    }


def container_name(project: str, number: int) -> str:
    """The name of a revision's container; one that stood by takes it when it is told to go, since labels
    cannot change any more."""
    return f"devbox-{project}-r{number}"


def revision_in_name(name: str, project: str) -> int:
    """The revision that a container's name tells, 0 where it tells none."""
    number = name.removeprefix(container_name(project, 0)[:-1])
    return int(number) if number != name and number.isdecimal() else 0


def mounts(config: Config, image: ImageFacts) -> tuple[VolumeMount, ...]:
    """Every mount of a revision: the configured ones, and the image's own VOLUMEs.

    An anonymous volume gets a name of the project's own, made from its path: that is how each revision
    gets the same one, and `down` then `up` too.
    """
    targets = {mount.target for mount in config.volumes} | config.tmpfs.keys()
    places = dict.fromkeys(posixpath.normpath(f"/{path.strip('/')}") for path in image.volumes)
    declared = tuple(
        VolumeMount("anonymous", "", place) for place in places if place != "/" and place not in targets
    )
    return tuple(
        replace(mount, kind="volume", source=anonymous_volume_name(config.project, mount.target))
        if mount.kind == "anonymous"
        else mount
        for mount in (*config.volumes, *declared)
    )


def anonymous_volume_name(project: str, target: str) -> str:
    """The name under which a project's anonymous volume at `target` is kept."""
    return f"devbox-{project}-{hashlib.sha256(target.encode()).hexdigest()[:12]}"


def container_spec(
    config: Config,
    image: ImageFacts,
    revision: Revision,
    engine: EngineInfo,
    ports: tuple[PortMapping, ...],
    record: str = "",
) -> ContainerSpec:
    """The container of a revision; `record` tells which commands before a start have succeeded.

    `ports` are the published mappings. Docker publishes them itself with swap = recreate; behind the gate
    it publishes none where the container's own address can be dialled, else each on an ephemeral port.
    Raises ConfigError where the application is to run under a debugger, or with workers, and cannot. Its
    restart policy is set once it serves: what does not even start is for devbox to tell, not for Docker to
    start again.
    """
    if config.swap == "recreate":
        published = ports
    elif engine.reaches_containers:
        published = ()
    else:
        wanted = {port.container_port for port in ports}
        address = "127.0.0.1" if engine.publish_host in {"127.0.0.1", "localhost", "::1"} else ""
        published = tuple(PortMapping(address, 0, port) for port in sorted(wanted))
    run = as_run(image, config)
    environment: Mapping[str, str] = config.environment
    entrypoint, command = config.entrypoint or None, config.command or None
    if config.debug:
        environment = {**ENVIRONMENT, **environment}
        first, *rest = under_debugger(run.entrypoint, run.command)
        entrypoint, command = (first,), tuple(rest)
    elif config.workers:
        environment = {**workers_environment(config.workers, (*run.entrypoint, *run.command)), **environment}
    return ContainerSpec(
        name=container_name(config.project, revision.number),
        image=revision.image,
        labels={
            **config.labels,
            **revision_labels(config, revision.number, revision.context_digest, ROLE_APP),
            # Images and volumes are the project's, whoever made them; a container is somebody's at work.
            LABEL_USER: str(os.getuid()),
            **({LABEL_BEFORE_START: record} if record else {}),
        },
        environment=environment,
        mounts=mounts(config, image),
        ports=published,
        entrypoint=entrypoint,
        command=command,
        working_directory=config.workdir,
        user=config.user,
        networks=config.networks,
        tmpfs=config.tmpfs,
        memory=config.memory,
        cpus=config.cpus,
        extra_hosts=config.extra_hosts,
        stop_signal=config.stop_signal,
        health=config.health,
    )


def standby_spec(
    application: ContainerSpec,
    image: ImageFacts,
    name: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    cwd: str,
) -> ContainerSpec:
    """A container of `image` that stands by for `application`, whose process would be `argv`: alike but for
    its role, that nobody finds it by an alias, and that no check of its health fails it while it waits."""
    return replace(
        application,
        name=name,
        labels={**application.labels, LABEL_ROLE: ROLE_STANDBY},
        environment=environment,
        entrypoint=tuple(argv[:1]),
        command=tuple(argv[1:]),
        working_directory=cwd,
        stdin=True,
        networks=_nameless(application),
        health=_waited_for(application.health, image),
    )


def _waited_for(check: HealthCheck | None, image: ImageFacts) -> HealthCheck | None:
    """A health check whose failures count from its first success on, in the pace that it has anyway."""
    check = check or HealthCheck()
    test = check.test or image.healthcheck
    if not test or test[0] == "NONE":
        return check if check.test else None
    pace = check.interval or image.health_interval or _ENGINES_PACE
    return replace(check, start_period=_STANDS_BY, start_interval=pace)


def before_start_spec(application: ContainerSpec, command: Sequence[str]) -> ContainerSpec:
    """A container that runs a command before `application` starts: with all that it has but its ports, its
    aliases and its health check. The command is run as it is, without the image's entrypoint."""
    return replace(
        application,
        name=f"{application.name}-before-start",
        labels={**application.labels, LABEL_ROLE: ROLE_BEFORE_START},
        entrypoint=tuple(command[:1]),
        command=tuple(command[1:]),
        ports=(),
        networks=_nameless(application),
        health=HealthCheck(("NONE",)),
    )


def _nameless(application: ContainerSpec) -> tuple[NetworkAttachment, ...]:
    return tuple(NetworkAttachment(network.name) for network in application.networks)


def own_networks(config: Config) -> tuple[str, ...]:
    """The networks of a revision that have to be there, and that devbox makes where they are not."""
    return tuple(network.name for network in config.networks if network.name != _BRIDGE)


def as_run(image: ImageFacts, config: Config) -> ImageFacts:
    """The image with what the settings put in the place of its own: program, command, user, folder, health
    check. Another ENTRYPOINT takes the image's CMD away, as `docker run --entrypoint` does."""
    return replace(
        image,
        entrypoint=config.entrypoint or image.entrypoint,
        command=config.command or (() if config.entrypoint else image.command),
        user=config.user or image.user,
        working_directory=config.workdir or image.working_directory,
        healthcheck=(config.health.test if config.health is not None else ()) or image.healthcheck,
    )
