"""The process that owns the published host ports, and the daemon's end of its control socket.

`python -m devbox.gate SOCKET_PATH` is the program; `devbox.gate.client` is how the daemon speaks to it.
"""
