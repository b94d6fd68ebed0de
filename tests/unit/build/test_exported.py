"""When BuildKit's trace says that the image can be used."""

from __future__ import annotations

from devbox.build.exported import Exported
from devbox.build.trace import Trace, Transfer, Vertex


def _trace(*names: str, completed: float = 0.0, error: str = "") -> Trace:
    vertex = Vertex("v", (), "exporting to image", False, 1.0, completed, error)
    return Trace((vertex,), tuple(Transfer("v", name, 0, 0) for name in names), ())


def test_an_image_is_there_once_it_is_written_and_named_and_the_exporter_is_done() -> None:
    exported = Exported()
    assert exported.feed(_trace("exporting layers")) == ""
    assert exported.feed(_trace("writing image sha256:abc", "naming to docker.io/x:r1")) == ""
    assert exported.feed(_trace(completed=2.0)) == "sha256:abc"


def test_an_exporter_that_failed_or_never_named_it_made_none() -> None:
    exported = Exported()
    exported.feed(_trace("writing image sha256:abc", "naming to docker.io/x:r1"))
    assert exported.feed(_trace(completed=2.0, error="disk full")) == ""
    assert Exported().feed(_trace("writing image sha256:abc", completed=2.0)) == ""


def test_the_containerd_image_store_names_an_image_before_it_unpacks_it() -> None:
    exported = Exported()
    assert exported.feed(_trace("exporting manifest sha256:abc", "exporting config sha256:def")) == ""
    assert exported.feed(_trace("naming to docker.io/x:r1")) == ""
    assert exported.feed(_trace("unpacking to docker.io/x:r1")) == "sha256:abc"


def test_a_manifest_list_gives_the_image_its_id() -> None:
    exported = Exported()
    exported.feed(_trace("exporting manifest sha256:abc", "exporting attestation manifest sha256:def"))
    exported.feed(_trace("exporting manifest list sha256:123", "naming to docker.io/x:r1"))
    assert exported.feed(_trace(completed=2.0)) == "sha256:123"
