"""The connections to an engine: over a unix socket, TCP, TLS or ssh, each one known to the call it serves.

Everything the docker SDK sends goes through the adapters here, which it is given through `mount`, the
public way of `requests`. A connection tells the call of its thread which socket it is about to use; that
is what makes a call abortable (`calls`).
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from devbox.engine import logins
from devbox.engine.address import Address
from devbox.engine.calls import running_call
from devbox.engine.translate import translated

# Seconds without an answer after which a call is given up; streams that may rest have no such bound.
READ_SECONDS = 60
# More calls at once than this are fine, their connections are just not kept.
_KEPT_CONNECTIONS = 16
# A dead network must end a stream that rests: first question after 30 s of silence, then every 10 s.
_KEEP_ALIVE = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]
# Bytes of ssh's complaints that are worth repeating.
_ERRORS_SHOWN = 1000

Dial = Callable[[float | None], socket.socket]


class _KnownToItsCall(HTTPConnection):
    """A connection that hands its socket to the running call, whether fresh or kept alive."""

    def connect(self) -> None:
        super().connect()
        self._tell()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            self._tell()
        super().putrequest(*args, **kwargs)

    def _tell(self) -> None:
        call = running_call()
        if call is not None and self.sock is not None:
            call.adopt(self.sock)


class _TlsConnection(_KnownToItsCall, HTTPSConnection):
    """The same over TLS."""


class _DialledConnection(_KnownToItsCall):
    """A connection whose socket comes from a function instead of from a host and a port."""

    def __init__(self, *args: Any, dial: Dial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dial = dial

    def connect(self) -> None:
        timeout = self.timeout
        self.sock = self._dial(timeout if isinstance(timeout, int | float) else None)
        self._tell()


class _DialledPool(HTTPConnectionPool):
    ConnectionCls = _DialledConnection


class _TcpPool(HTTPConnectionPool):
    ConnectionCls = _KnownToItsCall


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _DialledAdapter(HTTPAdapter):
    """Sends requests over whatever `dial` connects to; proxies have no meaning here."""

    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self._pool = _DialledPool("localhost", maxsize=_KEPT_CONNECTIONS, dial=dial)

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> HTTPConnectionPool:
        return self._pool

    def request_url(self, request: requests.PreparedRequest, _proxies: object) -> str:
        return request.path_url

    def close(self) -> None:
        self._pool.close()
        super().close()


class _TcpAdapter(HTTPAdapter):
    """Sends requests over TCP or TLS."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_KEPT_CONNECTIONS)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block=block, socket_options=_KEEP_ALIVE, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _TcpPool, "https": _TlsPool}


class _Ssh:
    """Connections through `ssh HOST docker system dial-stdio`, as the docker CLI makes them.

    Each connection is one ssh process with a socket pair for its standard streams: closing our end is the
    end of its input, upon which it ends by itself.
    """

    def __init__(self, address: Address) -> None:
        self._command = ("ssh", *address.ssh_arguments())
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        # A file and not a pipe: nobody reads while all is well, and a full pipe would stop ssh.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this, see close

    def dial(self, timeout: float | None) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own keeps Ctrl-C in the terminal away from the connections.
            process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._errors,
                start_new_session=True,
            )
        ours.settimeout(timeout)
        with self._lock:
            self._processes = [known for known in self._processes if known.poll() is None]
            self._processes.append(process)
        return ours

    def errors(self) -> str:
        """The last lines that ssh wrote to its standard error."""
        size = os.fstat(self._errors.fileno()).st_size
        written = os.pread(self._errors.fileno(), _ERRORS_SHOWN, max(0, size - _ERRORS_SHOWN))
        return written.decode("utf-8", "replace").strip()

    def close(self) -> None:
        with self._lock:
            for process in self._processes:
                process.terminate()
                try:
                    process.wait(1.0)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._processes.clear()
        self._errors.close()


class Transport:
    """A docker SDK client whose every connection can be shut down by the call that uses it.

    Not the SDK's own ssh: it needs paramiko, and cannot be woken while it reads. Raises EngineRefused
    where the SDK does not speak this version of the API.
    """

    def __init__(self, address: Address, version: str) -> None:
        self.address = address
        with translated(f"cannot talk to the engine at {address.url}", address.url), logins.parsed():
            if address.scheme == "tcp":
                self.client = docker.APIClient(
                    address.url, version=version, timeout=READ_SECONDS, tls=address.tls or False
                )
                tcp = _TcpAdapter()
                self.client.mount("http://", tcp)
                self.client.mount("https://", tcp)
            else:
                # The SDK opens nothing here: it only learns that its requests go to this scheme.
                self.client = docker.APIClient("unix:///dialled", version=version, timeout=READ_SECONDS)
        self._ssh = _Ssh(address) if address.scheme == "ssh" else None
        if address.scheme != "tcp":
            dial = self._ssh.dial if self._ssh is not None else partial(_dial_unix, address.path)
            self.client.mount("http+docker://", _DialledAdapter(dial))
        # An engine is dialled directly. Proxies and .netrc would cost a look at each request, and the
        # environment's REQUESTS_CA_BUNDLE would take the place of the engine's own authority.
        self.client.trust_env = False

    def url(self, path: str) -> str:
        """The full address of an API path, with the negotiated version."""
        return f"{self.client.base_url}/v{self.client.api_version}{path}"

    def dial(self) -> tuple[socket.socket, ssl.SSLContext | None, str]:
        """A connection of its own, what TLS is to be spoken over it with, and the engine's host name.

        Blocks, READ_SECONDS at most; raises OSError.
        """
        address = self.address
        if self._ssh is not None:
            return self._ssh.dial(READ_SECONDS), None, ""
        if address.scheme != "tcp":
            return _dial_unix(address.path, READ_SECONDS), None, ""
        parts = urlsplit(address.url)
        connection = socket.create_connection((address.host, parts.port or 2375), READ_SECONDS)
        for option in _KEEP_ALIVE:
            connection.setsockopt(*option)
        return connection, _context(address), address.host

    def errors(self) -> str:
        """What the way to the engine complained about, '' where it has no voice of its own."""
        return self._ssh.errors() if self._ssh is not None else ""

    def close(self) -> None:
        """Closes every kept connection and ends every ssh process."""
        self.client.close()
        if self._ssh is not None:
            self._ssh.close()


def _context(address: Address) -> ssl.SSLContext | None:
    tls = address.tls
    if tls is None:
        return None
    context = ssl.create_default_context(cafile=tls.ca_cert or None)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert:
        context.load_cert_chain(*tls.cert)
    return context


def _dial_unix(path: str, timeout: float | None) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock
