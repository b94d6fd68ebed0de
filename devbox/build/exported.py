"""When an image is there: BuildKit says so some time before the engine ends its answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from devbox.build.trace import Trace

# moby/moby, builder/builder-next/exporter: what the exporter of the engine's own image store tells of itself.
_WRITTEN = "writing image "
_NAMED = "naming to "


@dataclass(slots=True)
class Exported:
    """Reads the trace for the exporter's end. The containerd image store says other words: then it is never
    seen, and the answer's end tells."""

    _images: dict[str, str] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)

    def feed(self, trace: Trace) -> str:
        """The id of the image that is written and named by now, '' where none is."""
        for transfer in trace.transfers:
            if transfer.name.startswith(_WRITTEN):
                self._images[transfer.vertex] = transfer.name.removeprefix(_WRITTEN)
            elif transfer.name.startswith(_NAMED):
                self._named.add(transfer.vertex)
        for vertex in trace.vertexes:
            if vertex.completed and not vertex.error and vertex.digest in self._named:
                return self._images.get(vertex.digest, "")
        return ""
