"""Small applications for tests: no dependency, so that a build takes no time."""

from __future__ import annotations

from pathlib import Path

_SERVER = """
import http.server, os, pathlib, signal, sys

TEXT = {text!r}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.lstrip("/")
        body = TEXT
        if name.startswith("read/"):
            file = pathlib.Path("/" + name[5:])
            body = file.read_text() if file.exists() else "(nothing)"
        if name.startswith("append/"):
            with open("/" + name[7:], "a") as file:
                file.write("x")
            body = "done"
        if name.startswith("env/"):
            body = os.environ.get(name[4:], "(unset)")
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *args):
        print(form % args, flush=True)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", {port}), Handler).serve_forever()
"""

DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /code
COPY requirements.txt .
RUN echo installing && cat requirements.txt
COPY server.py .
CMD ["python", "server.py"]
"""


def write_server(folder: Path, text: str = "one", *, port: int = 8000) -> None:
    """The server's source, answering `text`; /read/FILE, /append/FILE and /env/NAME show its inside."""
    (folder / "server.py").write_text(_SERVER.format(text=text, port=port))


def write_project(folder: Path, text: str = "one", *, dockerfile: str = DOCKERFILE) -> None:
    """A whole project around the server."""
    write_server(folder, text)
    (folder / "requirements.txt").write_text("# none\n")
    (folder / "Dockerfile").write_text(dockerfile)
