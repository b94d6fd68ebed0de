"""Real texts of /proc/net/tcp, read."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.release.listening import Diagnosis, Listener, diagnose, parse

HEAD4 = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
HEAD6 = (
    "  sl  local_address                         remote_address                        st tx_queue rx_queue"
    " tr tm->when retrnsmt   uid  timeout inode\n"
)


def row(local: str, remote: str, state: str) -> str:
    """A line as the kernel writes it."""
    rest = "00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n"
    return f"   0: {local} {remote} {state} {rest}"


ANY_8000 = row("00000000:1F40", "00000000:0000", "0A")
LOOP_8000 = row("0100007F:1F40", "00000000:0000", "0A")
LOOP2_8000 = row("0200007F:1F40", "00000000:0000", "0A")
DNS = row("0B00007F:A38D", "00000000:0000", "0A")
OPEN = row("020011AC:1F40", "010011AC:C8A2", "01")
NOBODY = "00000000000000000000000000000000:0000"
ANY6_8000 = row("00000000000000000000000000000000:1F40", NOBODY, "0A")
LOOP6_8000 = row("00000000000000000000000001000000:1F40", NOBODY, "0A")
MAPPED_8000 = row("0000000000000000FFFF00000100007F:1F40", NOBODY, "0A")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", ()),
        (HEAD4 + HEAD6, ()),
        (HEAD4 + ANY_8000, (Listener(8000, False),)),
        (HEAD4 + LOOP_8000 + DNS + OPEN, (Listener(8000, True),)),
        (HEAD4 + LOOP2_8000, (Listener(8000, True),)),
        (HEAD4 + HEAD6 + ANY6_8000, (Listener(8000, False),)),
        (HEAD6 + LOOP6_8000, (Listener(8000, True),)),
        (HEAD6 + MAPPED_8000, (Listener(8000, True),)),
        (HEAD4 + LOOP_8000 + HEAD6 + ANY6_8000, (Listener(8000, False), Listener(8000, True))),
        ("cat: /proc/net/tcp6: No such file or directory\n" + HEAD4 + ANY_8000, (Listener(8000, False),)),
        ("x y:z 0 0A\n   0: 0100007F:XXXX 0:0 0A\n   0: :1F40 0:0 0A", ()),
    ],
)
def test_listeners(table: str, expected: tuple[Listener, ...]) -> None:
    assert parse(table) == expected


@given(st.text(max_size=200) | st.text("0123456789ABCDEF: \n", max_size=200))
def test_any_text_is_read(table: str) -> None:
    assert all(0 <= listener.port < 65536 for listener in parse(table))


def test_the_tables_of_this_very_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside, socket.create_server(("0.0.0.0", 0)) as outside:
        tables = "".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
        found = parse(tables)
        assert Listener(inside.getsockname()[1], True) in found
        assert Listener(outside.getsockname()[1], False) in found


@pytest.mark.parametrize(
    ("listeners", "wanted"),
    [
        ([], 8000),
        ([Listener(8000, False)], 8000),
        ([Listener(8000, False), Listener(8000, True)], 8000),
        ([Listener(8000, False), Listener(5678, False)], 8000),
    ],
)
def test_nothing_is_odd_yet(listeners: list[Listener], wanted: int) -> None:
    assert diagnose(listeners, wanted) is None


def test_out_of_reach_is_certain() -> None:
    assert diagnose([Listener(8000, True), Listener(5678, False)], 8000) == Diagnosis(
        "the application listens on 127.0.0.1:8000 inside the container, out of reach from outside",
        "make it listen on 0.0.0.0 (uvicorn, fastapi, flask: --host 0.0.0.0)",
        certain=True,
    )


def test_another_port_may_be_a_debuggers() -> None:
    found = diagnose([Listener(5000, True), Listener(8001, False)], 8000)
    assert found is not None
    assert found.cause == "the application listens on port 8001, not on 8000"
    assert found.hint == "publish that one: -p HOST_PORT:8001, or EXPOSE 8001 where nothing is given with -p"
    assert not found.certain


def test_another_port_on_loopback_is_both_mistakes() -> None:
    found = diagnose([Listener(5000, True)], 8000)
    assert found is not None
    assert "127.0.0.1:5000" in found.cause
    assert "not on port 8000" in found.cause
    assert "0.0.0.0" in found.hint
    assert "EXPOSE 5000" in found.hint
    assert not found.certain
