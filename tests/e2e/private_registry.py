"""Debian's docker-registry on loopback, which asks for a token that a small server here gives to one user."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

import docker
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from scripts.docker_registry import program
from tests.e2e.devboxes import wait_until

USER, PASSWORD = "dora", "pass-4711"
_ISSUER, _SERVICE = "devbox-tests", "devbox-registry"


class PrivateRegistry:
    """A running registry; `host` is its name in image references, `asked` who asked for each token."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = rsa.generate_private_key(65537, 2048)
        self._certificate = _certificate(self._key)
        self.asked: list[str] = []
        self._tokens = _TokenServer(self)
        port = _free_port()
        self.host = f"127.0.0.1:{port}"
        self._log = (folder / "registry.log").open("wb")
        self._process = subprocess.Popen(
            [program(), "serve", self._configuration(port)], stdout=self._log, stderr=self._log
        )
        wait_until(lambda: _answers(port), "docker-registry answers")

    def _configuration(self, port: int) -> Path:
        bundle = self._folder / "tokens.pem"
        bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        file = self._folder / "registry.yml"
        # JSON is YAML.
        settings = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "images")}},
            "http": {"addr": f"127.0.0.1:{port}", "secret": "loopback"},
            "auth": {
                "token": {
                    "realm": self._tokens.realm,
                    "service": _SERVICE,
                    "issuer": _ISSUER,
                    "rootcertbundle": str(bundle),
                }
            },
        }
        file.write_text(json.dumps(settings))
        return file

    def push(
        self, engine: docker.DockerClient, dockerfile: str, name: str, context: Path | None = None
    ) -> str:
        """Builds an image, pushes it, and takes it from the engine again; gives its reference."""
        reference = f"{self.host}/{name}"
        folder = context or self._folder / uuid.uuid4().hex
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(dockerfile)
        engine.images.build(path=str(folder), tag=reference, rm=True)
        login = {"username": USER, "password": PASSWORD}
        for line in engine.images.push(reference, auth_config=login, stream=True, decode=True):
            assert "error" not in line, line
        engine.images.remove(reference)
        self.asked.clear()
        return reference

    def docker_config(self, password: str = PASSWORD) -> Path:
        """A DOCKER_CONFIG folder in which the user is logged in."""
        folder = self._folder / f"docker-{uuid.uuid4().hex}"
        folder.mkdir()
        login = base64.b64encode(f"{USER}:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.host: {"auth": login}}}))
        return folder

    def token(self, user: str, scopes: list[str]) -> str:
        """A token for these scopes (https://distribution.github.io/distribution/spec/auth/jwt/)."""
        self.asked.append(user)
        now = int(time.time())
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":") if scope.count(":") == 2 else scope.rsplit(":", 2)
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        chain = base64.b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()
        claims = {
            "iss": _ISSUER,
            "sub": user,
            "aud": _SERVICE,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "access": access,
        }
        signed = f"{_part({'typ': 'JWT', 'alg': 'RS256', 'x5c': [chain]})}.{_part(claims)}"
        return f"{signed}.{_encoded(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def close(self) -> None:
        """Ends both servers."""
        self._process.terminate()
        self._process.wait(10)
        self._tokens.close()
        self._log.close()


class _TokenServer:
    """Gives tokens to USER with PASSWORD, by GET and by POST; to nobody else."""

    def __init__(self, registry: PrivateRegistry) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                kind, _, login = self.headers.get("Authorization", "").partition(" ")
                user, _, password = (
                    base64.b64decode(login).decode().partition(":") if kind == "Basic" else ("",) * 3
                )
                self._give(user, password, query.get("scope", []))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                form = urllib.parse.parse_qs(body)
                user, password = form.get("username", [""])[0], form.get("password", [""])[0]
                self._give(user, password, form.get("scope", [""])[0].split())

            def _give(self, user: str, password: str, scopes: list[str]) -> None:
                if (user, password) != (USER, PASSWORD):
                    registry.asked.append(f"{user or 'nobody'}, refused")
                    self._answer(401, {"details": "incorrect username or password"})
                    return
                token = registry.token(user, scopes)
                self._answer(200, {"token": token, "access_token": token, "expires_in": 300})

            def _answer(self, status: int, value: dict[str, Any]) -> None:
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Tests are quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.realm = f"http://127.0.0.1:{self._server.server_port}/token"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ISSUER)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", "/v2/")
        return connection.getresponse().status == http.HTTPStatus.UNAUTHORIZED
    return False
