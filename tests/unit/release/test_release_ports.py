"""Which port is the application's, and where it is published."""

from __future__ import annotations

import pytest

from devbox.model import PortMapping
from devbox.release.ports import browser_url, container_ports, port_in_command, publish, retarget


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("uvicorn main:app --port 80", 80),
        ("uvicorn main:app --host 0.0.0.0 --port=80", 80),
        ("uvicorn main:app --host 0.0.0.0", None),
        ("fastapi run app/main.py", None),
        ("fastapi run app/main.py --port 8080", 8080),
        ("fastapi dev --host 0.0.0.0 -p 9", 9),
        ("flask run", 5000),
        ("flask --app main run --debug", 5000),
        ("python -m flask run --host=0.0.0.0", 5000),
        ("/usr/local/bin/flask run -p 5001", 5001),
        ("flask run -p5001", 5001),
        ("flask run --port 5002", 5002),
        ("flask routes", None),
        ("gunicorn -b 0.0.0.0:9000 main:app", 9000),
        ("gunicorn -w 4 -b0.0.0.0:9000 main:app", 9000),
        ("gunicorn --bind :9000 main:app", 9000),
        ("gunicorn --bind=[::]:9000 main:app", 9000),
        ("gunicorn --bind unix:/run/app.sock main:app", None),
        ("gunicorn -p app.pid main:app", None),
        ("gunicorn main:app", None),
        ("hypercorn main:app --bind 0.0.0.0:9001", 9001),
        ("daphne -b 0.0.0.0 -p 8001 main:app", 8001),
        ("granian --interface asgi --port 8002 main:app", 8002),
        ("uvicorn main:app --metrics-port 9100", None),
        ("uvicorn main:app --metrics-port 9100 --port 8003", 8003),
        ("python main.py", None),
        ("uvicorn main:app --port 0", None),
        ("uvicorn main:app --port 99999", None),
        ("uvicorn main:app --port $PORT", None),
        ("uvicorn main:app --port ${PORT}", None),
        ("", None),
    ],
)
def test_the_port_a_command_names(command: str, port: int | None) -> None:
    assert port_in_command(command.split()) == port
    assert port_in_command(["/bin/sh", "-c", command]) == port
    assert port_in_command(["/bin/sh", "-c", f"exec {command}"]) == port


@pytest.mark.parametrize(
    "command",
    [
        "uvicorn main:app --port ${PORT:-8080}",
        "uvicorn main:app --port ${PORT-8080}",
        'uvicorn main:app --port "${PORT:-8080}"',
        "uvicorn main:app --port='8080'",
        "gunicorn -b 0.0.0.0:${PORT:-8080} main:app",
        "mkdir -p /data && uvicorn main:app --port 8080",
    ],
)
def test_a_shells_default_counts(command: str) -> None:
    assert port_in_command(["sh", "-c", command]) == 8080


def tcp(*ports: int) -> tuple[PortMapping, ...]:
    return tuple(PortMapping(container_port=port) for port in ports)


UDP = PortMapping(container_port=53, protocol="udp")


@pytest.mark.parametrize(
    ("exposed", "command", "ports"),
    [
        ((), "python main.py", (8000,)),
        ((), "uvicorn a:b --port 80", (80,)),
        ((), "uvicorn a:b --port 99999", (8000,)),
        (tcp(5000), "python main.py", (5000,)),
        (tcp(5000), "uvicorn a:b --port 80", (5000,)),
        (tcp(9090, 8000), "uvicorn a:b", (8000, 9090)),
        (tcp(9090, 8000, 80), "uvicorn a:b --port 9090", (9090, 80, 8000)),
        ((UDP,), "flask run", (5000,)),
        ((UDP, *tcp(8000)), "", (8000,)),
    ],
)
def test_the_ports_of_an_image(
    exposed: tuple[PortMapping, ...], command: str, ports: tuple[int, ...]
) -> None:
    assert container_ports(exposed, command.split()) == ports
    # The engine gives them back in an order of its own.
    assert container_ports(exposed[::-1], command.split()) == ports


def pairs(mappings: tuple[PortMapping, ...]) -> list[tuple[int, int]]:
    return [(mapping.host_port, mapping.container_port) for mapping in mappings]


@pytest.mark.parametrize(
    ("exposed", "command", "expected"),
    [
        ((), "", [(8000, 8000)]),
        (tcp(8080), "", [(8080, 8080)]),
        (tcp(80), "", [(8000, 80)]),
        (tcp(80, 443), "", [(8000, 80), (8001, 443)]),
        (tcp(80, 8000), "", [(8001, 80), (8000, 8000)]),
        (tcp(80, 8000), "uvicorn a:b --port 8000", [(8000, 8000), (8001, 80)]),
        ((), "uvicorn a:b --port 80", [(8000, 80)]),
        (tcp(1024), "", [(1024, 1024)]),
    ],
)
def test_every_port_is_published_on_a_host_port_of_its_own(
    exposed: tuple[PortMapping, ...], command: str, expected: list[tuple[int, int]]
) -> None:
    published = publish((), exposed, command.split())
    assert pairs(published) == expected
    assert {mapping.host_ip for mapping in published} == {"127.0.0.1"}


def test_what_is_configured_is_published_and_nothing_else() -> None:
    configured = (PortMapping("0.0.0.0", 9000, 80), PortMapping("127.0.0.1", 0, 81, "udp"))
    assert publish(configured, tcp(8000), []) == configured


@pytest.mark.parametrize(
    ("published", "exposed", "command", "expected"),
    [
        ([(8000, 8000)], tcp(8000), "", [(8000, 8000)]),
        ([(8000, 8000)], tcp(5000), "", [(8000, 5000)]),
        ([(8000, 8000)], (), "flask run", [(8000, 5000)]),
        # The base image brings another one along.
        ([(8000, 8000)], tcp(80, 8000), "", [(8000, 8000)]),
        ([(8000, 8000)], tcp(8000, 9000), "", [(8000, 8000)]),
        ([(8000, 8000), (9000, 9000)], tcp(9000, 8000), "", [(8000, 8000), (9000, 9000)]),
        ([(8000, 8000), (9000, 9000)], tcp(9000, 8080), "", [(8000, 8080), (9000, 9000)]),
        ([(8000, 8000), (9000, 9000)], tcp(9000), "", [(8000, 9000), (9000, 9000)]),
        ([(8000, 8000), (9000, 9000)], tcp(7000), "", [(8000, 7000), (9000, 7000)]),
        ([(8000, 80), (8001, 81)], tcp(90, 91), "uvicorn a:b --port 91", [(8000, 91), (8001, 90)]),
    ],
)
def test_the_hosts_side_stays_when_the_image_changes_its_ports(
    published: list[tuple[int, int]],
    exposed: tuple[PortMapping, ...],
    command: str,
    expected: list[tuple[int, int]],
) -> None:
    before = tuple(PortMapping("0.0.0.0", host, port) for host, port in published)
    after = retarget(before, exposed, command.split())
    assert pairs(after) == expected
    assert {mapping.host_ip for mapping in after} == {"0.0.0.0"}


@pytest.mark.parametrize(
    ("host_ip", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("192.168.1.2", "http://192.168.1.2:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("fe80::1", "http://[fe80::1]:8000"),
    ],
)
def test_the_url_a_person_opens(host_ip: str, url: str) -> None:
    assert browser_url(PortMapping(host_ip, 0, 80), 8000) == url
