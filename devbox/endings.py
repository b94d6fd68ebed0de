"""How the end of a container, and a limit of memory, are told."""

from __future__ import annotations

_UNITS = ("B", "KB", "MB", "GB", "TB")
KILLED = 137
OUT_OF_MEMORY = "out of memory"


def size_in_words(size: int) -> str:
    """Bytes in the engine's own units, of which each is 1024 of the one before: "64 MB", "1.5 GB"."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.4g} {_UNITS[unit]}"


def how_it_ended(exit_status: int, *, killed: bool, limit: int) -> str:
    """ "exited with status 1", or that it was `killed` for its memory; `limit` in bytes, 0 for none."""
    if not killed:
        return f"exited with status {exit_status}"
    if exit_status == KILLED:
        return killed_for_memory(limit)
    return f"exited with status {exit_status}: {out_of_memory(limit)}"


def killed_for_memory(limit: int) -> str:
    """That the kernel killed something for its memory; `limit` in bytes, 0 for none."""
    return f"was killed: {out_of_memory(limit)}"


def out_of_memory(limit: int) -> str:
    """What it was killed for."""
    return f"{OUT_OF_MEMORY}{f' (limit {size_in_words(limit)})' if limit else ''}"
