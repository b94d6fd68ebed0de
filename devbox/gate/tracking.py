"""Where the requests and answers of a connection begin and end, told from the bytes that pass it; pure."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

KEPT_BYTES = 64 << 10

_HEAD_END = b"\r\n\r\n"
# RFC 9110 §9.2.2: these may be sent again where the connection closed before an answer came.
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class Exchanges:
    """The HTTP/1 exchanges of one connection, followed until anything is doubtful, and *opaque* from then on.

    No input makes it raise, and the same bytes lead to the same `between` and `opaque` however they are cut
    into pieces. `between` is true while all that was sent is whole requests, each with its whole answer, and
    the connection can carry another one. `unanswered` is what was sent since then: kept, KEPT_BYTES at most,
    while no byte of an answer has come and sending it again does no harm.
    """

    __slots__ = (
        "_answers",
        "_bodiless",
        "_heads",
        "_interim",
        "_keeps",
        "_last",
        "_owed",
        "_repeated",
        "_requests",
        "_sending",
        "_tail",
        "_upgrading",
        "between",
        "unanswered",
    )

    def __init__(self) -> None:
        self.between = True
        self.unanswered = b""
        self._requests: HttpRequestParser | None = HttpRequestParser(
            SimpleNamespace(
                on_message_begin=self._request_begins,
                on_headers_complete=self._request_head,
                on_message_complete=self._request_ends,
            )
        )
        self._answers: HttpResponseParser | None = None
        # For each request without its whole answer, whether it is a HEAD.
        self._owed: deque[bool] = deque()
        self._heads = 0
        self._sending = False
        self._keeps = True
        self._repeated = False
        self._upgrading = False
        self._last = False
        self._interim = False
        self._bodiless = False
        self._tail = b""

    @property
    def opaque(self) -> bool:
        """Whether nothing more is known of this connection than that bytes pass."""
        return self._requests is None

    @property
    def begun(self) -> bool:
        """Whether the head of a request has passed, which only a client that speaks HTTP/1 sends."""
        return self._answers is not None

    @property
    def waiting(self) -> bool:
        """Whether what was sent is whole requests, of which one or more have not been answered."""
        return bool(self._owed) and not self._sending

    @property
    def unheard(self) -> bool:
        """Whether what was sent since `between` is less than the head of a request, and all of it is kept."""
        return bool(self.unanswered) and not self._owed

    def repeat(self) -> bool:
        """Whether `unanswered` may be sent again although a backend had it: once until it is answered."""
        if not self.unanswered or self._repeated:
            return False
        self._repeated = True
        return True

    def sent(self, data: bytes) -> None:
        """The client has sent `data`, which is not empty."""
        requests = self._requests
        if requests is None:
            return
        if self._upgrading:
            # Whether this is HTTP/1 is for an answer to say that has not come yet.
            self.give_up()
            return
        from_between = self.between
        try:
            requests.feed_data(data)
        except HttpParserUpgrade as upgrade:
            if upgrade.args[0] < len(data):
                self.give_up()
                return
        except HttpParserError:
            self.give_up()
            return
        if self.between or not self._keeps:
            return
        # A request that begins behind the rest of one answered early cannot be cut from that rest.
        self._keeps = from_between or self.unanswered != b""
        if self._keeps and len(self.unanswered) + len(data) <= KEPT_BYTES:
            # RFC 9112 §2.2: empty lines before a request are not part of it.
            self.unanswered += data.lstrip(b"\r\n") if from_between else data
        else:
            self._forget()

    def received(self, data: bytes) -> None:
        """The backend has sent `data`, which is not empty."""
        answers = self._answers
        if answers is None:
            # No request has passed yet: another protocol, or the connection is opaque already.
            self.give_up()
            return
        if self.unanswered:
            self._forget()
        try:
            if self._heads:
                self._feed_heads(data)
            else:
                answers.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.give_up()

    def give_up(self) -> None:
        """Be opaque from now on."""
        self.between = False
        self.unanswered = b""
        self._requests = self._answers = None
        self._sending = False
        self._owed.clear()

    def _forget(self) -> None:
        self._keeps = False
        self.unanswered = b""

    def _settle(self) -> None:
        if self._sending or self._owed or self.opaque:
            return
        if self._last:
            self.give_up()
            return
        self.between = self._keeps = True
        self._repeated = self._upgrading = False
        self.unanswered = b""

    # The parser of requests calls these.

    def _request_begins(self) -> None:
        self._sending = True
        self.between = False

    def _request_head(self) -> None:
        requests = self._requests
        if requests is None:
            return
        method = requests.get_method()
        if method == b"CONNECT":
            self.give_up()
            return
        if self._answers is None:
            self._answers = self._new_answers()
        head = method == b"HEAD"
        self._heads += head
        self._owed.append(head)
        self._upgrading = requests.should_upgrade()
        if method not in _IDEMPOTENT:
            self._forget()

    def _request_ends(self) -> None:
        requests = self._requests
        if requests is None:
            return
        self._sending = False
        if not requests.should_keep_alive():
            self._last = True
        self._settle()

    # The parser of answers calls these.

    def _answer_begins(self) -> None:
        if not self._owed:
            self.give_up()

    def _answer_head(self) -> None:
        answers = self._answers
        if answers is None:
            return
        status = answers.get_status_code()
        self._interim = status < 200
        if status == 101:
            self.give_up()
        elif not self._interim:
            self._bodiless = self._owed[0]

    def _answer_ends(self) -> None:
        answers = self._answers
        if answers is None or self._interim:
            return
        self._bodiless = False
        self._heads -= self._owed.popleft()
        if not answers.should_keep_alive():
            self._last = True
        self._settle()

    def _new_answers(self) -> HttpResponseParser:
        return HttpResponseParser(
            SimpleNamespace(
                on_message_begin=self._answer_begins,
                on_headers_complete=self._answer_head,
                on_message_complete=self._answer_ends,
            )
        )

    def _feed_heads(self, data: bytes) -> None:
        """Feed `data` in pieces, one of which ends with the head of each answer.

        The parser expects a body wherever a head speaks of one, and cannot be told that the request was a
        HEAD, so it is replaced there. The answer to a HEAD that gives no length looks like one that ends with
        the connection, which makes that opaque.
        """
        seen = self._tail + data
        fed, look = len(self._tail), 0
        self._tail = seen[1 - len(_HEAD_END) :]
        while fed < len(seen) and self._answers is not None:
            found = seen.find(_HEAD_END, look)
            look = found + 1
            end = len(seen) if found < 0 else found + len(_HEAD_END)
            self._answers.feed_data(seen[fed:end])
            fed = end
            if self._bodiless:
                self._answer_ends()
                if self._answers is not None:
                    self._answers = self._new_answers()
