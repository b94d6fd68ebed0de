"""As much of a debugger's client (the Debug Adapter Protocol) as it takes to stop at a line."""

from __future__ import annotations

import json
import socket
from types import TracebackType
from typing import Any, Self

BOUND = 30.0

Message = dict[str, Any]


class Debugger:
    """A connection to debugpy on a port of this machine; every wait is bounded."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=BOUND)
        self._stream = self._socket.makefile("rb")
        self._seq = 0
        self.events: list[Message] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._socket.close()

    def attach(self, configuration: Message, breakpoints: dict[str, list[int]]) -> None:
        """Attaches with a configuration of launch.json, and sets breakpoints by local path and line."""
        self.ask("initialize", adapterID="debugpy", pathFormat="path", linesStartAt1=True)
        self._send("attach", **{**configuration, "justMyCode": True})
        self.event("initialized")
        for path, lines in breakpoints.items():
            found = self.ask(
                "setBreakpoints", source={"path": path}, breakpoints=[{"line": line} for line in lines]
            )
            assert all(each["verified"] for each in found["breakpoints"]), found
        self.ask("configurationDone")

    def ask(self, command: str, **arguments: Any) -> Message:
        """The body of the answer to a request."""
        number = self._send(command, **arguments)
        while True:
            message = self._read()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                return dict(message.get("body") or {})

    def event(self, name: str) -> Message:
        """The body of the first event of a name that was not taken yet."""
        while True:
            for message in self.events:
                if message["event"] == name:
                    self.events.remove(message)
                    return dict(message.get("body") or {})
            self._read()

    def _send(self, command: str, **arguments: Any) -> int:
        self._seq += 1
        message = {"seq": self._seq, "type": "request", "command": command, "arguments": arguments}
        content = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
        return self._seq

    def _read(self) -> Message:
        length = 0
        while (line := self._stream.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the debugger hung up"
        message: Message = json.loads(self._stream.read(length))
        if message["type"] == "event":
            self.events.append(message)
        return message
