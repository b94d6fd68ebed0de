"""When an image is there: BuildKit says so some time before the engine ends its answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from devbox.build.trace import Trace

# moby/moby, builder/builder-next/exporter: what the exporter of the engine's own image store tells of itself.
_WRITTEN = "writing image "
_NAMED = "naming to "
# moby/buildkit, exporter/containerimage: that of the containerd image store. A manifest list, told last,
# gives the image its id; and what is unpacked has its name already.
_MANIFEST = "exporting manifest "
_UNPACKED = "unpacking to "


@dataclass(slots=True)
class Exported:
    """Reads the trace for the moment from which the image can be looked up under its name. With the
    containerd image store it may have to be unpacked then before a container can be made of it."""

    _images: dict[str, str] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)

    def feed(self, trace: Trace) -> str:
        """The id of the image that is written and named by now, '' where none is."""
        there = {vertex.digest for vertex in trace.vertexes if vertex.completed and not vertex.error}
        for transfer in trace.transfers:
            if transfer.name.startswith((_WRITTEN, _MANIFEST)):
                self._images[transfer.vertex] = transfer.name.rpartition(" ")[2]
            elif transfer.name.startswith(_NAMED):
                self._named.add(transfer.vertex)
            elif transfer.name.startswith(_UNPACKED):
                there.add(transfer.vertex)
        return next((self._images.get(vertex, "") for vertex in there & self._named), "")
