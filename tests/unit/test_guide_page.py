"""How the pages of docs/guides are read: nothing on them is passed over, and only what is shown fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.guide_page import Answer, File, Typed, base_images_of, fits, read

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "guides").glob("*.md"))
PAGE = """\
`app/main.py`
```python
FROM python:3.9 AS x
```

```console
$ devbox down
devbox: shop is down
$ devbox up -d
```

`http://127.0.0.1:8000/x`
```
"y"
```
"""


def test_files_commands_and_answers_in_their_order() -> None:
    steps = read(PAGE)
    assert steps == (
        File("app/main.py", "FROM python:3.9 AS x\n"),
        Typed("devbox down", ("devbox: shop is down",)),
        Typed("devbox up -d", ()),
        Answer("http://127.0.0.1:8000/x", ('"y"',)),
    )
    assert base_images_of(steps) == {"python:3.9"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_is_a_step_and_only_devbox_is_typed(page: Path) -> None:
    text = page.read_text()
    steps = read(text)
    typed = [step.command for step in steps if isinstance(step, Typed)]
    blocks = text.count("\n```") / 2
    assert len(steps) - len(typed) + text.count("```console\n") == blocks
    assert [command for command in typed if not command.startswith("devbox ")] == []


@pytest.mark.parametrize(
    ("lines", "said", "fitting"),
    [
        (("a", "b"), "a\nb\n", True),
        (("a",), "a\nb\n", False),
        (("a", "b"), "a\n", False),
        (("a", "…", "b"), "a\nb\n", True),
        (("a", "…", "b"), "a\nx\ny\nb\n", True),
        (("in 0.14s (build …)",), "in 2m 31s (build 1.2s, 5 of 6 steps cached)\n", True),
        (("in 0.14s",), "in a while\n", False),
        (("a.b",), "axb\n", False),
        (("a",), "devbox: revision 1 still starting, 10s\na\n", True),
        ((), "", True),
        ((), "a\n", False),
    ],
)
def test_what_fits(lines: tuple[str, ...], said: str, fitting: bool) -> None:
    assert fits(lines, said) is fitting
