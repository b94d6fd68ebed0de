"""The page about the control API is what the API says of itself."""

from __future__ import annotations

from scripts.api_page import PAGE, page


def test_the_page_is_what_make_docs_writes() -> None:
    assert PAGE.read_text() == page(), "make docs writes it anew"
