"""A registry on loopback that gives one image of the engine away (distribution API v2, read only)."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import docker

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_SLICES = 20
_BALLAST = 8_000_000


class Registry:
    """Serves `image` as `reference`; a blob takes about `seconds`, so that its progress can be seen."""

    def __init__(self, engine: docker.DockerClient, image: str, folder: Path, seconds: float) -> None:
        self._blobs = folder
        self._manifest = self._unpack(engine, image)
        self._seconds = seconds
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                registry.answer(self, body=False)

            def do_GET(self) -> None:
                registry.answer(self, body=True)

            def log_message(self, *_: Any) -> None:
                """Tests are quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.reference = f"127.0.0.1:{self._server.server_port}/base:1"

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, request: http.server.BaseHTTPRequestHandler, *, body: bool) -> None:
        """One request of the engine."""
        if "/manifests/" in request.path:
            self._send(request, _MANIFEST, self._manifest, body=body)
        elif "/blobs/" in request.path:
            path = self._blobs / request.path.rpartition(":")[2]
            self._send(request, "application/octet-stream", path.read_bytes(), body=body)
        else:
            self._send(request, "application/json", b"{}", body=body)

    def _send(
        self, request: http.server.BaseHTTPRequestHandler, kind: str, content: bytes, *, body: bool
    ) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
        request.end_headers()
        if not body:
            return
        size = max(65536, len(content) // _SLICES + 1)
        for start in range(0, len(content), size):
            request.wfile.write(content[start : start + size])
            if len(content) > size:
                time.sleep(self._seconds / _SLICES)

    def _unpack(self, engine: docker.DockerClient, image: str) -> bytes:
        saved = self._blobs / "saved.tar"
        with saved.open("wb") as stream:
            for piece in engine.images.get(image).save():
                stream.write(piece)
        with tarfile.open(saved) as archive:
            entry = json.loads(_member(archive, "manifest.json"))[0]
            layers = [_member(archive, name) for name in entry["Layers"]]
            config = json.loads(_member(archive, entry["Config"]))
        saved.unlink()
        # A layer that no engine has: what is there already would not be fetched.
        layers.append(_ballast())
        config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layers[-1]).hexdigest()}")
        config.setdefault("history", []).append({"created_by": "ballast"})
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(json.dumps(config).encode(), _CONFIG),
            "layers": [self._blob(layer, _LAYER) for layer in layers],
        }
        return json.dumps(manifest).encode()

    def _blob(self, content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        return {"mediaType": kind, "size": len(content), "digest": f"sha256:{digest}"}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read()


def _ballast() -> bytes:
    content = os.urandom(_BALLAST)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("ballast")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
