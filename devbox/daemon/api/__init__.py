"""The control API of a running devbox: HTTP and JSON on a unix socket of its user's own.

`server` holds the application and serves it inside the daemon, `client` speaks to it, `models` is what both
say. Only `app` and `embedded` import FastAPI and uvicorn.
"""

SOCKET = "api.sock"
"""The socket's name in the project's runtime directory."""
