from __future__ import annotations

import pytest

from bench.answer import content_length


def test_a_good_answer_has_a_length() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-LENGTH:  12\r\n\r\n") == 12


@pytest.mark.parametrize(
    "status", ["502 Bad Gateway", "503 Service Unavailable", "404 Not Found", "204 No Content"]
)
def test_another_status_is_no_good_answer(status: str) -> None:
    assert content_length(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\n".encode()) is None


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"]
)
def test_a_length_that_cannot_be_read_is_an_error(head: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int's own words
        content_length(head)


def test_what_is_no_http_is_no_good_answer() -> None:
    assert content_length(b"hello\r\n\r\n") is None
