"""Starting Docker's daemon on a Debian machine where nothing else starts it, with what the machine allows."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from scripts import debian
from scripts.debian import say
from scripts.engine import DEFAULT_SOCKET, Address, Engine, SetupError

DEFAULT_PATH = Path(urlsplit(DEFAULT_SOCKET).path)
OURS = Path("/run/devbox-engine")
PID_FILE = OURS / "dockerd.pid"
LOG_FILE = OURS / "dockerd.log"
CONTAINERD_PID_FILE = Path("/run/docker/containerd/containerd.pid")
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")

# With 26,000 layers and a cold disk dockerd 20.10 was measured to answer after 66 s.
START_SECONDS = 300.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.1

# A data root of its own: BuildKit's cache is kept beside the layers, not by driver, and takes those
# of another driver for its own ("layer does not exist").
WITHOUT_OVERLAY: tuple[str, ...] = ("--storage-driver=vfs", "--data-root=/var/lib/docker-vfs")
WITHOUT_IPTABLES: tuple[str, ...] = ("--iptables=false", "--ip6tables=false")

_NETWORK = re.compile(r"iptables|ip6tables|nftables|network controller|NAT chain", re.IGNORECASE)
_STORAGE = re.compile(r"graphdriver|storage.driver|overlay|snapshotter", re.IGNORECASE)


def start() -> Engine:
    """An answering engine at the default socket, installed and started where it was not.

    Raises SetupError where that cannot be done.
    """
    if DEFAULT_PATH.exists() and not os.access(DEFAULT_PATH, os.R_OK | os.W_OK):
        raise SetupError(
            f"you may not use {DEFAULT_PATH}: join its group (usermod -aG docker) and log in again"
        )
    if reason := debian.why_not_ours():
        raise SetupError(
            f"no Docker engine answers and {reason}: start Docker, or install it "
            "(docs.docker.com/engine/install), or point DOCKER_HOST at an engine"
        )
    if shutil.which("dockerd") is None:
        say("no Docker engine answers; installing Debian's docker.io")
        debian.install("docker.io", *_beside_docker())
    engine = Engine(Address(DEFAULT_SOCKET))
    OURS.mkdir(mode=0o755, exist_ok=True)
    with (OURS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_already_starting(engine) or _started_by_systemd(engine)):
            _clear_what_is_stale()
            _start_ourselves(engine)
    return engine


def stop_ours() -> bool:
    """Ends the dockerd that `start` started, if it runs in this network namespace; false where it does not.

    Raises SetupError where somebody else's runs there, or where ours does not end within STOP_SECONDS.
    """
    running = _another_dockerd()
    if running is None:
        return False
    if running != _pid_in(PID_FILE, "dockerd"):
        raise SetupError(f"dockerd runs as process {running}, and two break each other: end it first")
    say(f"stopping dockerd, process {running}")
    os.kill(running, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _another_dockerd() is not None:
        if time.monotonic() > deadline:
            raise SetupError(f"dockerd, process {running}, does not end")
        time.sleep(POLL_SECONDS)
    return True


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a dockerd by SIGTERM, after STOP_SECONDS by SIGKILL."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def build_network(engine: Engine) -> str:
    """The network that builds need: "host" on an engine started here without iptables, '' on any other."""
    pid = _pid_in(PID_FILE, "dockerd")
    if engine.address.url != DEFAULT_SOCKET or pid is None:
        return ""
    return "host" if WITHOUT_IPTABLES[0] in Path(f"/proc/{pid}/cmdline").read_text().split("\0") else ""


def weaker(arguments: tuple[str, ...], reason: str) -> tuple[str, ...] | None:
    """What to start dockerd with after `arguments` failed for `reason`; None when all has been tried."""
    if _NETWORK.search(reason):
        remedies = [WITHOUT_IPTABLES]
    elif _STORAGE.search(reason):
        remedies = [WITHOUT_OVERLAY]
    else:
        remedies = [WITHOUT_OVERLAY, WITHOUT_IPTABLES]
    for remedy in remedies:
        if remedy[0] not in arguments:
            return arguments + remedy
    return None


def reason_in(log: str) -> str:
    """Why a dockerd that wrote `log` ended, as one short line."""
    lines = [line for line in log.splitlines() if line.strip()]
    fatal = [line for line in lines if "failed to start" in line or "level=fatal" in line]
    last = (fatal or lines or ["it wrote no log"])[-1]
    message = re.search(r'msg="((?:[^"\\]|\\.)*)"', last)
    return (message[1] if message else last).removeprefix("failed to start daemon: ")[:300]


def _beside_docker() -> list[str]:
    # Without its parser dockerd cannot load the profile that such a kernel makes it ask for.
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    return ["apparmor"] if enabled.exists() and enabled.read_text().strip() == "Y" else []


def _already_starting(engine: Engine) -> bool:
    """Whether somebody else's dockerd comes up: two in one network namespace break each other."""
    other = _another_dockerd()
    if other is None:
        return engine.answers()
    say(f"waiting for dockerd, which runs as process {other}")
    if answers(engine, lambda: _another_dockerd() is not None):
        return True
    if other := _another_dockerd():
        raise SetupError(
            f"dockerd runs as process {other} but does not answer at {DEFAULT_SOCKET}: "
            "end it, or point DOCKER_HOST at where it answers"
        )
    return False


def _started_by_systemd(engine: Engine) -> bool:
    if not Path("/run/systemd/system").is_dir():
        return False
    say("no Docker engine answers; starting docker.service")
    _systemctl("start", "docker.service")
    if answers(engine, lambda: True):
        return True
    say("docker.service does not start; starting dockerd without systemd")
    _systemctl("stop", "docker.service", "docker.socket")
    return False


def _systemctl(*arguments: str) -> None:
    subprocess.run(
        ["systemctl", *arguments], check=False, stdin=subprocess.DEVNULL, timeout=3 * START_SECONDS
    )


def _clear_what_is_stale() -> None:
    """Remove what a killed dockerd left behind and the next one would take for a living one."""
    for pid_file, name in ((PID_FILE, "dockerd"), (CONTAINERD_PID_FILE, "containerd")):
        if _pid_in(pid_file, name) is None:
            pid_file.unlink(missing_ok=True)
    if CONTAINERD_SOCKET.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(CONTAINERD_SOCKET)) != 0:
                CONTAINERD_SOCKET.unlink()


def _start_ourselves(engine: Engine) -> None:
    if "cgroup" not in {
        line.split()[2].rstrip("2") for line in Path("/proc/mounts").read_text().splitlines()
    }:
        say("no control groups are mounted; mounting them with Debian's cgroupfs-mount")
        debian.install("cgroupfs-mount")
        subprocess.run(["cgroupfs-mount"], check=False, timeout=START_SECONDS)
    arguments: tuple[str, ...] = ()
    say(f"no Docker engine answers; starting dockerd, which logs to {LOG_FILE}")
    while reason := _attempt(engine, arguments):
        less = weaker(arguments, reason)
        if less is None:
            raise SetupError(f"dockerd does not start on this machine, see {LOG_FILE}: {reason}")
        say(f"dockerd did not start ({reason}); trying {' '.join(less)}")
        arguments = less


def _attempt(engine: Engine, arguments: tuple[str, ...]) -> str:
    """Start dockerd in a session of its own; the reason why it ended, '' where it answers.

    Raises SetupError where it does neither within START_SECONDS.
    """
    # dockerd reads settings out of DOCKER_ variables that are meant for its clients.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with LOG_FILE.open("w") as log:
        process = subprocess.Popen(
            ["dockerd", f"--pidfile={PID_FILE}", *arguments],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    if answers(engine, lambda: process.poll() is None):
        return ""
    if process.poll() is None:
        end(process)
        # Slow is no reason to start it otherwise: what it has stored is not there then.
        raise SetupError(f"dockerd did not answer within {START_SECONDS:.0f} s, see {LOG_FILE}")
    return reason_in(LOG_FILE.read_text(errors="replace"))


def answers(engine: Engine, goes_on: Callable[[], bool]) -> bool:
    """Whether `engine` answers within START_SECONDS; false as soon as `goes_on` says no more."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if engine.answers():
            return True
        if not goes_on():
            return False
        time.sleep(POLL_SECONDS)
    return False


def _pid_in(pid_file: Path, name: str) -> int | None:
    """The process in `pid_file` where it lives and is called `name`: numbers are used again."""
    try:
        pid = int(pid_file.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == name else None
    except (OSError, ValueError):
        return None


def _another_dockerd() -> int | None:
    """A dockerd in this network namespace."""
    ours = Path("/proc/self/ns/net").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "dockerd\n" and (process / "ns/net").readlink() == ours:
                return int(process.name)
        except OSError:
            continue
    return None
