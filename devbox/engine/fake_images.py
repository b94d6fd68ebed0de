"""The images of the fake engine, and the scripted answers to builds."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from devbox.engine.fake_container import Behaviour
from devbox.engine.values import BuildRequest, ImageFacts
from devbox.errors import Conflict
from devbox.model import LABEL_PROJECT

Messages = Sequence[Mapping[str, object]]
_PLAIN = Behaviour()


@dataclass(frozen=True, slots=True)
class FakeBuild:
    """The answer to one build.

    `messages` are sent as they are, or come from a function given the request and the context's bytes;
    without an "error" among them an image with `behaviour` comes to be, announced by a last message.
    The build waits for `proceed` after its messages, if that is set.
    """

    messages: Messages | Callable[[BuildRequest, bytes], Messages] = ()
    behaviour: Behaviour = _PLAIN
    proceed: asyncio.Event | None = None

    def given(self, request: BuildRequest, context: bytes) -> Messages:
        """The messages for this request."""
        return self.messages(request, context) if callable(self.messages) else self.messages


class FakeImages:
    """Images by id, with the behaviour of their containers."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[ImageFacts, Behaviour]] = {}
        self._count = 0

    def add(self, tag: str, behaviour: Behaviour, facts: ImageFacts) -> str:
        """Keeps a new image with these facts but its own id, and gives it the tag, whoever had it."""
        self._count += 1
        name = "sha256:" + hashlib.sha256(f"image {self._count}".encode()).hexdigest()
        for other, (known, others) in self._known.items():
            self._known[other] = (_without(known, tag), others)
        made = replace(facts, id=name, tags=(tag,), created=float(self._count))
        self._known[name] = (made, behaviour)
        return name

    def find(self, reference: str) -> tuple[ImageFacts, Behaviour] | None:
        """The image by id or tag."""
        tagged = (known for known in self._known.values() if reference in known[0].tags)
        return self._known.get(reference) or next(tagged, None)

    def of(self, project: str) -> tuple[ImageFacts, ...]:
        """The project's images, newest first."""
        found = [facts for facts, _ in self._known.values() if facts.labels.get(LABEL_PROJECT) == project]
        return tuple(sorted(found, key=lambda facts: facts.created, reverse=True))

    def remove(self, reference: str, used: Container[str]) -> bool:
        """Takes a tag away, and the image with its last one; raises Conflict for one among `used`."""
        known = self.find(reference)
        if known is None:
            return False
        facts, behaviour = known
        less = _without(facts, reference)
        if less.tags and less != facts:
            self._known[facts.id] = (less, behaviour)
            return True
        if facts.id in used:
            raise Conflict(f"cannot remove image {reference}", cause="a container uses it")
        del self._known[facts.id]
        return True


def _without(facts: ImageFacts, tag: str) -> ImageFacts:
    return replace(facts, tags=tuple(known for known in facts.tags if known != tag))
