"""One project as the loop sees it: its settings, its disk, its ports."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from devbox.build.dockerfile import Dockerfile, runtime
from devbox.config import Config
from devbox.daemon.bypass import command_words
from devbox.daemon.hostports import HostPorts
from devbox.daemon.source import Settings, read_source
from devbox.daemon.template import Template, unwritten_rules
from devbox.daemon.unheeded import Unheeded
from devbox.daemon.work import Source
from devbox.errors import ConfigError, DevboxError
from devbox.model import Backend, PortMapping
from devbox.release.debugging import debugger_ports
from devbox.release.ports import publish
from devbox.watch import Watcher


class Project:
    """Reads the project as it is on disk, and keeps its published ports bound as its settings say; whoever
    is to know of other settings is told by `changed`.

    An async context manager: the watcher's threads end with it.
    """

    def __init__(
        self, settings: Settings, ports: HostPorts, changed: Callable[[Config], None] = lambda _: None
    ) -> None:
        self._settings, self._changed = settings, changed
        self._ports = ports
        self.unheeded = Unheeded(self.config)
        self.watcher = self._make_watcher()
        self._former: list[Watcher] = []
        self._template = Template()
        self._told = ""

    async def close_former(self) -> None:
        """Ends watchers that changed settings left behind; to be called when nobody scans with them."""
        while self._former:
            await self._former.pop().__aexit__(None, None, None)

    async def __aenter__(self) -> Self:
        await self.watcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_former()
        await self.watcher.__aexit__(kind, error, trace)

    @property
    def config(self) -> Config:
        return self._settings.config

    @property
    def refused(self) -> str:
        """Why the settings on disk are not in force, '' where they are."""
        return self._settings.refused

    async def read(self, *, hinted: bool = False) -> Source:
        """What a build started now would be made of, with `hinted` as far as hints tell; raises
        DockerfileError, ContextError."""
        return await read_source(self.config, self.watcher, self._template, hinted=hinted)

    async def holds(self, source: Source) -> bool:
        """Whether the build context on disk is still that of `source`, but for what is left out; raises
        ContextError."""
        still = await self.watcher.still(source.snapshot.digest)
        if still or not self.unheeded:
            return still
        now = await self.watcher.scan()
        return self.unheeded.only(source.snapshot, now, source.dockerfile_name)

    async def reload(self) -> bool:
        """Takes changed settings into force; true where there were any.

        Raises ConfigError where they cannot be used, with the former ones still in force.
        """
        former = self.config
        if not self._settings.reload():
            return False
        try:
            if self.config.swap != former.swap:
                raise ConfigError(
                    f"swap cannot become {self.config.swap} while devbox runs", hint="start devbox up again"
                )
            unheeded = Unheeded(self.config)
            await self.arrange((await self.read()).dockerfile)
        except DevboxError as error:
            self._settings.refuse(former, str(error))
            told, self._told = self._told, str(error)
            if told == self._told:
                return False
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(error.what, cause=error.cause, hint=error.hint) from error
        self._told, self.unheeded = "", unheeded
        if _watched(former) != _watched(self.config):
            self._former.append(self.watcher)
            self.watcher = self._make_watcher()
            await self.watcher.__aenter__()
        self._changed(self.config)
        return True

    async def arrange(self, dockerfile: Dockerfile) -> tuple[Backend, ...]:
        """Binds the published ports, and says where a gate that was there already points."""
        if self.config.swap == "recreate":
            await self._ports.stop()
            return ()
        return await self._ports.arrange(published(self.config, dockerfile))

    def _make_watcher(self) -> Watcher:
        config = self.config
        return Watcher(
            config.context,
            dockerfile=config.dockerfile,
            extra_files=config.watched_files,
            unwritten=unwritten_rules(config),
            unheeded=self.unheeded,
        )


def _watched(config: Config) -> tuple[object, ...]:
    """What a watcher is made from."""
    triggers = config.compose.triggers if config.compose is not None else ()
    return config.context, config.dockerfile, config.watched_files, unwritten_rules(config), triggers


def published(config: Config, dockerfile: Dockerfile) -> tuple[PortMapping, ...]:
    """The mappings to publish, as far as the Dockerfile tells before the image is there."""
    hints = runtime(dockerfile, config.build_args, config.target)
    exposed = tuple(PortMapping(container_port=port, protocol=protocol) for port, protocol in hints.ports)
    command = command_words(config, hints)
    debugger = debugger_ports(config.debug_port) if config.debug else ()
    return (*publish(config.ports, exposed, command), *debugger)
