"""A container that stands by for the next source-only change."""
