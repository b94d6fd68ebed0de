"""A build context as BuildKit's filesync sees it: a listing, of which it asks for what it does not have yet.

Pure; `build/session` carries it. After tonistiigi/fsutil (send.go, receive.go, types/wire.proto).
"""

from __future__ import annotations

from devbox.build.filesync.listing import Listed, Listings, part
from devbox.build.filesync.packets import FINISHED, data, finished_file

__all__ = ["FINISHED", "Listed", "Listings", "data", "finished_file", "part"]
