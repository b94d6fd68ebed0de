from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.report.controls import Controls, Log, Prompt, press
from devbox.report.keys import Action, Decoder


def typed(*parts: bytes) -> list[str]:
    """The keys of what comes in parts, after a while without anything more."""
    decoder = Decoder()
    keys = [key for part in parts for key in decoder.feed(part)]
    return [*keys, *decoder.settle()]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"rq", ["r", "q"]),
        (b"R?", ["r", "?"]),
        (b"\x1b", ["esc"]),
        (b"\x1b\x1b", ["esc", "esc"]),
        (b"\x1b\x1b[A", ["esc"]),
        (b"\x1b[A\x1b[1;5B\x1bOPq", ["q"]),
        (b"\x1b[15~\x1b[200~rm\x1b[Ax\x1b[201~b", ["b"]),
        (b"\x1bq", []),
        (b"\x1b[", []),
        (b"\r\n\t\x00\x7f", []),
        ("é漢r".encode(), ["é", "漢", "r"]),
        (b"\xff\xc3r", ["r"]),
        (b"\x1b[\x01q", ["q"]),
    ],
)
def test_what_a_terminal_sends(sent: bytes, keys: list[str]) -> None:
    assert typed(sent) == keys


@given(
    st.lists(
        st.sampled_from([b"r", b"\x1b[A", b"\x1bOB", b"\x1b[1;5C", b"\x1b[200~q\x1b[201~", "é".encode()])
    )
)
def test_a_sequence_may_come_in_parts(sent: list[bytes]) -> None:
    whole = typed(b"".join(sent))
    assert set(whole) <= {"r", "é"}
    data = b"".join(sent)
    assert typed(*(data[place : place + 1] for place in range(len(data)))) == whole


@given(st.lists(st.binary(max_size=12), max_size=12))
def test_any_bytes_lead_to_keys_or_to_nothing(parts: list[bytes]) -> None:
    for key in typed(*parts):
        assert key == "esc" or key.isprintable()


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("r", Action.REBUILD),
        ("b", Action.ROLLBACK),
        ("p", Action.PAUSE),
        ("o", Action.OPEN),
        ("q", Action.QUIT),
        ("l", None),
        ("?", None),
        ("esc", None),
        ("x", None),
    ],
)
def test_the_keys_that_act(key: str, action: Action | None) -> None:
    pressed = press(Controls(keys=True), key)
    assert pressed.action is action
    assert pressed.answer is None


def test_the_log_goes_round_and_the_help_comes_and_goes() -> None:
    controls = Controls(keys=True)
    logs = []
    for _ in range(3):
        controls = press(controls, "l").controls
        logs.append(controls.log)
    assert logs == [Log.MORE, Log.OFF, Log.ON]
    helped = press(controls, "?").controls
    assert helped.help
    for key in ("?", "esc", "r"):
        assert not press(helped, key).controls.help


def test_a_question_takes_every_key() -> None:
    asked = Controls(keys=True, prompt=Prompt("stop it?", {"d": "detach", "s": "stop"}))
    for key in "rbplq?x":
        assert press(asked, key).controls is asked
        assert press(asked, key).action is None
    assert press(asked, "d").answer == "d"
    assert press(asked, "esc").answer == ""
    assert press(asked, "s").controls.prompt is None
