"""Run a command with Docker 28, compose and buildx from Debian sid in the place of the first engine.

python -m scripts.docker28 overlay2|containerd COMMAND [ARGUMENT …]

The packages are unpacked, not installed, into the user's cache directory. The engine that set-up started is
stopped meanwhile and started again: two in one network namespace take each other's rules away.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from scripts import base_image, debian, dockerd, sid
from scripts.debian import say
from scripts.engine import Address, Engine, EngineError, SetupError, find
from scripts.setup import BASE_IMAGE
from scripts.stand_in import cache

MAJOR = "28."
# Not sid's runc: it asks for a newer C library than Debian 12 has.
PACKAGES = ("docker.io", "containerd", "docker-cli", "docker-compose", "docker-buildx", "tini-static")
STORES = ("overlay2", "containerd")


def unpacked() -> Path:
    """The root of the unpacked packages, fetched once; raises SetupError where they cannot be had."""
    if reason := debian.why_not_ours():
        raise SetupError(f"Docker {MAJOR}x comes from Debian's packages, but {reason}")
    root = cache() / "docker-28"
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / "docker-28.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "usr/sbin/dockerd").exists():
            _fetch(root)
    return root


def _fetch(root: Path) -> None:
    say(f"fetching Docker {MAJOR}x from Debian {sid.SUITE}")
    with sid.fetched(root, PACKAGES) as work:
        version = debian.quiet([str(work / "usr/sbin/dockerd"), "--version"]).stdout
        if f"version {MAJOR}" not in version:
            raise SetupError(f"Debian {sid.SUITE} has another Docker than {MAJOR}x: {version.strip()}")


class Docker28:
    """One engine with a data root and a socket of its own; `store` is one of STORES."""

    def __init__(self, root: Path, store: str) -> None:
        self._root, self._store = root, store
        self._state = dockerd.OURS / f"docker-28-{store}"
        self._process: subprocess.Popen[bytes] | None = None
        self.engine = Engine(Address(f"unix://{self._state}/docker.sock", source="DOCKER_HOST"))

    def start(self) -> None:
        """Returns when it answers; raises SetupError with what it said where it does not."""
        self._state.mkdir(parents=True, exist_ok=True)
        features = {"containerd-snapshotter": self._store == "containerd"}
        settings = self._state / "daemon.json"
        settings.write_text(json.dumps({"features": features}))
        log = self._state / "dockerd.log"
        arguments = [
            f"--config-file={settings}",
            f"--host={self.engine.address.url}",
            f"--data-root=/var/lib/devbox-docker-28-{self._store}",
            f"--exec-root={self._state}/exec",
            f"--pidfile={self._state}/dockerd.pid",
            f"--init-path={self._root}/usr/bin/tini-static",
        ]
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [f"{self._root}/usr/sbin/dockerd", *arguments],
                cwd="/",
                env={"PATH": self._path("/usr/sbin:/usr/bin:/sbin:/bin"), "HOME": "/root"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        process = self._process
        if not dockerd.answers(self.engine, lambda: process.poll() is None):
            reason = dockerd.reason_in(log.read_text(errors="replace"))
            self.stop()
            raise SetupError(f"Docker 28 does not start, see {log}: {reason}")

    def stop(self) -> None:
        """Ends it, within STOP_SECONDS."""
        if self._process is not None:
            dockerd.end(self._process)

    def environment(self) -> dict[str, str]:
        """This process's environment and what leads Docker's clients to this engine and its compose."""
        plugins = {"cliPluginsExtraDirs": [f"{self._root}/usr/libexec/docker/cli-plugins"]}
        (self._state / "config.json").write_text(json.dumps(plugins))
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
            "PATH": self._path(os.environ.get("PATH", os.defpath)),
            "DOCKER_HOST": self.engine.address.url,
            "DOCKER_CONFIG": str(self._state),
        }

    def _path(self, rest: str) -> str:
        return f"{self._root}/usr/sbin:{self._root}/usr/bin:{rest}"


def run(store: str, command: list[str]) -> int:
    """The exit code of `command`, run with Docker 28; everything is as before afterwards."""
    docker = Docker28(unpacked(), store)
    first = dockerd.stop_ours()
    try:
        say(f"starting Docker 28 with {'the containerd image store' if store == 'containerd' else store}")
        docker.start()
        base_image.ensure(docker.engine, [BASE_IMAGE])
        return _in_the_foreground(command, docker.environment())
    finally:
        docker.stop()
        if first and find()[0] is None:
            dockerd.start()


def _in_the_foreground(command: list[str], environment: dict[str, str]) -> int:
    # Ctrl-C reaches the command by the terminal; it decides when it is done.
    before = signal.signal(signal.SIGINT, _go_on)
    try:
        return subprocess.call(command, env=environment)
    finally:
        signal.signal(signal.SIGINT, before)


def _go_on(number: int, frame: object) -> None:
    pass


def main(arguments: list[str]) -> int:
    """The exit code of the command, 2 for wrong usage, 1 where Docker 28 cannot be had."""
    if len(arguments) < 2 or arguments[0] not in STORES:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return run(arguments[0], arguments[1:])
    except (SetupError, EngineError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
