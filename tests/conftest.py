"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# These machines are noisy: how long an example takes says nothing about the code.
settings.register_profile("devbox", deadline=None)
settings.load_profile("devbox")
