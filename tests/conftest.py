"""What holds for every test."""

from __future__ import annotations

import signal

from hypothesis import settings

# These machines are noisy: how long an example takes says nothing about the code.
settings.register_profile("devbox", deadline=None)
settings.load_profile("devbox")


def pytest_configure() -> None:
    """A shell starts what a script puts in the background with Ctrl-C and Ctrl-\\ ignored. Every program that
    a test starts would inherit that, and not end when it is to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
