"""Finding a Docker engine and speaking the few words of its HTTP API that set-up needs, without its CLI."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

DEFAULT_SOCKET = "unix:///var/run/docker.sock"

PING_SECONDS = 5.0
SSH_SECONDS = 20.0
ANSWER_SECONDS = 30.0
REGISTRY_SECONDS = 20.0
STALLED_PULL_SECONDS = 120.0
PULL_SECONDS = 900.0
IMPORT_SECONDS = 300.0


class SetupError(Exception):
    """Set-up cannot go on; the message is one line that says what to do."""


class EngineError(Exception):
    """The engine cannot be reached, or refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine may be: `url` as in DOCKER_HOST, `certificates` a directory as in DOCKER_CERT_PATH,
    `source` the setting that says so ('' for the usual sockets)."""

    url: str
    certificates: str = ""
    verify: bool = True
    source: str = ""

    def environment(self) -> dict[str, str]:
        """The variables that lead Docker clients to this address; '' means the variable is to be unset."""
        tls = bool(self.certificates)
        return {
            "DOCKER_HOST": self.url,
            "DOCKER_CERT_PATH": self.certificates,
            "DOCKER_TLS_VERIFY": "1" if tls and self.verify else "",
        }

    def dial(self, seconds: float) -> socket.socket:
        """A stream to the engine, each read and write bounded by `seconds`; raises OSError."""
        parts = urlsplit(self.url)
        match parts.scheme:
            case "unix":
                stream = socket.socket(socket.AF_UNIX)
                stream.settimeout(seconds)
                try:
                    stream.connect(parts.path)
                except OSError:
                    stream.close()
                    raise
                return stream
            case "tcp" | "http" | "https":
                tls = bool(self.certificates) or parts.scheme == "https"
                plain = socket.create_connection(
                    (parts.hostname or "localhost", parts.port or (2376 if tls else 2375)), timeout=seconds
                )
                return self._secured(plain, parts.hostname) if tls else plain
            case "ssh":
                return self._through_ssh(parts.netloc, seconds)
            case _:
                raise OSError("no address of an engine")

    def _secured(self, plain: socket.socket, host: str | None) -> socket.socket:
        directory = Path(self.certificates)
        authority = directory / "ca.pem"
        try:
            context = ssl.create_default_context(cafile=str(authority) if authority.exists() else None)
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if (directory / "cert.pem").exists():
                context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
            return context.wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    def _through_ssh(self, netloc: str, seconds: float) -> socket.socket:
        command = ["ssh", "-T", "-o", "BatchMode=yes", f"ssh://{netloc}", "docker", "system", "dial-stdio"]
        ours, theirs = socket.socketpair()
        ours.settimeout(max(seconds, SSH_SECONDS))
        with theirs:
            try:
                # ssh ends by itself once our half of the pair is closed.
                subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL
                )
            except OSError:
                ours.close()
                raise
        return ours


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: Address, seconds: float) -> None:
        super().__init__("docker", timeout=seconds)
        self._address = address
        self._seconds = seconds

    def connect(self) -> None:
        self.sock = self._address.dial(self._seconds)


class Engine:
    """One engine's HTTP API; every call is bounded and raises EngineError."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def answers(self) -> bool:
        """Whether the engine answers a ping within PING_SECONDS."""
        try:
            return self._call("GET", "/_ping", PING_SECONDS)[0] == 200
        except EngineError:
            return False

    def get(self, path: str) -> Any:
        """The JSON at a path of the API."""
        status, body = self._call("GET", path, ANSWER_SECONDS)
        if status != 200:
            raise EngineError(_message(body))
        return json.loads(body)

    def image_id(self, name: str) -> str | None:
        """The id of a local image, None where there is none of that name."""
        status, body = self._call("GET", f"/images/{quote(name)}/json", ANSWER_SECONDS)
        if status == 404:
            return None
        if status != 200:
            raise EngineError(_message(body))
        return str(json.loads(body)["Id"])

    def tag(self, image: str, name: str) -> None:
        """Give a local image one more name."""
        repository, tag = split_name(name)
        query = urlencode({"repo": repository, "tag": tag})
        status, body = self._call("POST", f"/images/{quote(image)}/tag?{query}", ANSWER_SECONDS)
        if status != 201:
            raise EngineError(_message(body))

    def pull(self, name: str) -> None:
        """Pull an image; a registry that gives no sign within REGISTRY_SECONDS counts as unreachable."""
        repository, tag = split_name(name)
        query = urlencode({"fromImage": repository, "tag": tag})
        end = time.monotonic() + PULL_SECONDS
        for _ in self._stream(f"/images/create?{query}", REGISTRY_SECONDS, STALLED_PULL_SECONDS):
            if time.monotonic() > end:
                raise EngineError(f"not done within {PULL_SECONDS:.0f} s")
        # An engine that dies while it pulls ends the stream like one that is done.
        if self.image_id(name) is None:
            raise EngineError("the engine stopped pulling it")

    def import_image(self, tar: Path, name: str, changes: list[str]) -> None:
        """Make an image out of a root file system's tar; `changes` are Dockerfile instructions."""
        repository, tag = split_name(name)
        query = urlencode(
            [
                ("fromSrc", "-"),
                ("repo", repository),
                ("tag", tag),
                *(("changes", change) for change in changes),
            ]
        )
        for _ in self._stream(f"/images/create?{query}", IMPORT_SECONDS, IMPORT_SECONDS, tar):
            pass

    def _call(self, method: str, path: str, seconds: float) -> tuple[int, bytes]:
        connection = _Connection(self.address, seconds)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"{self.address.url}: {error}") from error
        finally:
            connection.close()

    def _stream(
        self, path: str, first_seconds: float, next_seconds: float, upload: Path | None = None
    ) -> Iterator[dict[str, Any]]:
        connection = _Connection(self.address, first_seconds)
        try:
            if upload is None:
                connection.request("POST", path)
            else:
                headers = {"Content-Type": "application/x-tar", "Content-Length": str(upload.stat().st_size)}
                with upload.open("rb") as body:
                    connection.request("POST", path, body=body, headers=headers)
            stream = connection.sock
            response = connection.getresponse()
            if response.status != 200:
                raise EngineError(_message(response.read()))
            for line in response:
                stream.settimeout(next_seconds)
                entry: dict[str, Any] = json.loads(line)
                if "error" in entry:
                    raise EngineError(str(entry["error"]))
                yield entry
        except TimeoutError as error:
            raise EngineError("no answer in time") from error
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise EngineError(str(error)) from error
        finally:
            connection.close()


def split_name(name: str) -> tuple[str, str]:
    """Repository and tag of an image's name; the tag is "latest" where none is written."""
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def candidates(environ: Mapping[str, str]) -> list[Address]:
    """Where an engine may be, in the order Docker's own clients give them weight."""
    found = []
    if host := environ.get("DOCKER_HOST"):
        verify = bool(environ.get("DOCKER_TLS_VERIFY"))
        certificates = environ.get("DOCKER_CERT_PATH") or (str(Path.home() / ".docker") if verify else "")
        found.append(Address(host, certificates, verify, source=f"DOCKER_HOST={host}"))
    if context := _context(environ):
        found.append(context)
    home = Path.home()
    sockets = [Path(urlsplit(DEFAULT_SOCKET).path)]
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        sockets.append(Path(runtime) / "docker.sock")
    sockets += [home / ".docker/run/docker.sock", home / ".colima/default/docker.sock"]
    sockets += [home / ".config/colima/default/docker.sock", home / ".orbstack/run/docker.sock"]
    return found + [Address(f"unix://{path}") for path in sockets]


def find() -> tuple[Engine | None, list[Address]]:
    """The first engine that answers, and the addresses somebody configured that do not."""
    silent: list[Address] = []
    for address in candidates(os.environ):
        engine = Engine(address)
        if engine.answers():
            return engine, silent
        if address.source:
            silent.append(address)
    return None, silent


def _context(environ: Mapping[str, str]) -> Address | None:
    """The current docker context's engine; contexts lie under the SHA-256 of their name (docker/cli,
    cli/context/store)."""
    home = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        name = (
            environ.get("DOCKER_CONTEXT") or json.loads((home / "config.json").read_text())["currentContext"]
        )
        folder = hashlib.sha256(name.encode()).hexdigest()
        meta = json.loads((home / "contexts/meta" / folder / "meta.json").read_text())
        endpoint = meta["Endpoints"]["docker"]
        url = str(endpoint["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    certificates = home / "contexts/tls" / folder / "docker"
    return Address(
        url,
        str(certificates) if certificates.is_dir() else "",
        verify=not endpoint.get("SkipTLSVerify", False),
        source=f"the docker context {name!r}",
    )


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip() or "the engine gave no reason"
