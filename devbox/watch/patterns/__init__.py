"""Patterns of ignore files, matched exactly as the builder matches them."""

from devbox.watch.patterns._pattern import Pattern, clean

__all__ = ["Pattern", "clean"]
