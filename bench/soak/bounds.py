"""What each figure of a soak is held to."""

from __future__ import annotations

from bench.soak.growth import Bound

# What serves, and what stands by.
CONTAINERS = 2
# keep_images, and what a container that is just going was made from.
IMAGES = 6
STATUS_SECONDS = 0.3
HELP_SECONDS = 0.2

BOUNDS = {
    "devbox: RSS, MB": Bound(120, 1),
    "devbox: PSS, MB": Bound(100, 1),
    "devbox: file descriptors": Bound(64, 0.5),
    "devbox: threads": Bound(48, 0.5),
    "gate: RSS, MB": Bound(60, 0.5),
    "gate: PSS, MB": Bound(50, 0.5),
    "gate: file descriptors": Bound(64, 0.5),
    "gate: threads": Bound(8, 0.5),
    "devbox events -f: RSS, MB": Bound(100, 1),
    "window: RSS, MB": Bound(120, 1),
    "containers": Bound(CONTAINERS, 0.1),
    "images, tagged": Bound(IMAGES, 0.1),
    "images, dangling": Bound(IMAGES, 0.1),
    "volumes": Bound(1, 0),
    "networks": Bound(0, 0),
    "journal, MB": Bound(10.5, 10),
    "sockets and locks, MB": Bound(0.1, 0),
}
