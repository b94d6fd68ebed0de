"""devbox: the real image, rebuilt, and the new code answering on the same port."""

__version__ = "0.1.0"
