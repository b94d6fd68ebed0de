"""The context of a build as BuildKit fetches it: what it does not have from the build before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from devbox.build.context import content_of, link_target
from devbox.build.filesync import Listed, Listings, data, finished_file, part
from devbox.build.job import BuildJob
from devbox.digest import file_digest
from devbox.model import Entry, Kind

if TYPE_CHECKING:
    from devbox.build.session import Files

_FOLDER = Entry(Kind.DIRECTORY, 0o755)


async def files_for(job: BuildJob, listings: Listings) -> Files | None:
    """What BuildKit may fetch for a job, None where only a tar body can carry it.

    It gets the very bytes of the snapshot, and of two contents of one size never takes one for the other.
    """
    # Loading it takes 0.1 s, which nobody needs who builds nothing.
    from devbox.build.session import Files

    entries = _entries(job)
    listed = await asyncio.to_thread(listings.make, entries, partial(link_target, job.root))
    if listed is None or entries.get(job.dockerfile, _FOLDER).kind is not Kind.FILE:
        return None
    return Files(
        {"context": listed, "dockerfile": part(listed, (job.dockerfile,))},
        partial(_packets, job),
    )


def _entries(job: BuildJob) -> Mapping[str, Entry]:
    """The snapshot and what is sent besides, which wins, with the folders that lead there."""
    if not job.extra:
        return job.snapshot.entries
    entries = dict(job.snapshot.entries)
    for name, content in job.extra.items():
        known = entries.get(name)
        entries[name] = Entry(Kind.FILE, known.mode if known else 0o644, file_digest([content]), len(content))
        parts = name.split("/")
        for end in range(1, len(parts)):
            entries.setdefault("/".join(parts[:end]), _FOLDER)
    return entries


def _packets(job: BuildJob, listed: Listed, number: int) -> Iterator[bytes]:
    path = listed.paths[number]
    if path in job.extra:
        yield data(number, job.extra[path])
    else:
        for piece in content_of(job.root, path, listed.entries[path]):
            yield data(number, piece)
    yield finished_file(number)
