"""What a build makes of the part of a context that it can read, held against what it makes of all of it.

The same image id is the same configuration over the same layers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.dockerfile import parse
from devbox.build.job import BuildJob
from devbox.build.reach import reached
from devbox.errors import BuildFailed
from devbox.model import LABEL_PROJECT, Plan
from devbox.watch import Scanner

from .conftest import RealLab
from .test_staging_against_builder import TREES, write

_SOURCES = (
    "base",
    "dir",
    "d2/",
    "./dir/sub",
    "dir/a",
    "b*",
    "d*",
    "dir/*",
    "*/a",
    "*.py",
    "ba[s]e",
    "d2/sub/..",
    ".",
)
LINES = st.lists(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(("COPY", "COPY", "ADD", "COPY --chown=7 ")),
        st.sampled_from(_SOURCES) | st.builds("{} {}".format, *[st.sampled_from(_SOURCES)] * 2),
        st.sampled_from(("/w/", "/w/dir/", "/")),
    )
    | st.just("COPY --from=one /one /two"),
    min_size=1,
    max_size=3,
)


@given(tree=TREES, lines=LINES)
@settings(
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_image_is_that_of_the_whole_context(
    lab: RealLab, tree: dict[str, str], lines: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in ("FROM scratch AS one", "COPY dir /one/", "FROM scratch", *lines))
    with tempfile.TemporaryDirectory() as folder:
        await _held(lab, Path(folder), text, tree)


async def _held(lab: RealLab, root: Path, text: str, tree: Mapping[str, str]) -> None:
    write(root, tree)
    whole = Scanner(root).scan()
    part = reached(parse(text), {}, "", whole)
    job = BuildJob(
        number=1,
        tag=f"devbox/{lab.project}:r1",
        root=root,
        snapshot=whole,
        plan=Plan(""),
        dockerfile=".Dockerfile",
        labels={LABEL_PROJECT: lab.project},
        extra={".Dockerfile": text.encode()},
    )
    images: list[str] = []
    for snapshot in (whole, part):
        try:
            built = await BuildKitBuilder(lab.engine).build(replace(job, snapshot=snapshot), lambda _: None)
        except BuildFailed:
            # Of several steps that fail beside each other any may be the first.
            event("it cannot be built")
            images.append("")
        else:
            images.append(built.id)
    event("everything is sent" if part is whole else "a part is sent")
    assert images[0] == images[1], (text, tree, sorted(part.entries))
