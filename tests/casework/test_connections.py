"""Slow, idle and many connections do not keep others from the console."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any

import pytest

from almoner.casework import connections

LONG = 64 * 1024 * 1024  # bytes: more than the buffers of the server and of two sockets
Open = Callable[[bytes], socket.socket]


def page(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [])
    body = environ["wsgi.input"].read()
    return [b"x" * 65_536] * (LONG // 65_536) if environ["PATH_INFO"] == "/long" else [b"%d" % len(body)]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that is patient for a second, with two threads and 30 connections."""
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 1.0)
    server = connections.create(page, "127.0.0.1", 0, threads=2, connection_limit=30, cleanup_interval=1)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield int(server.effective_port)
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
    server.close()
    thread.join(timeout=10)


@pytest.fixture
def connect(port: int) -> Iterator[Open]:
    """Opens a connection and sends some bytes."""
    with ExitStack() as closing:

        def opened(data: bytes) -> socket.socket:
            one = closing.enter_context(socket.create_connection(("127.0.0.1", port), timeout=15))
            one.sendall(data)
            return one

        yield opened


def answered(port: int, data: bytes | None = None) -> tuple[bytes, float]:
    """The page, and the seconds until it came."""
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", data, timeout=15) as answer:
        return answer.read(), time.monotonic() - began


def ended(one: socket.socket) -> bool:
    """Whether the server ends the connection within the socket's time-out."""
    try:
        while one.recv(65_536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def drip(one: socket.socket) -> None:
    """Send a byte now and then, as long as somebody takes it."""
    try:
        for _ in range(60):
            one.sendall(b"x")
            time.sleep(0.2)
    except OSError:
        pass


@pytest.mark.parametrize(
    "start", [b"", b"GET / HTTP/1.1\r\nX-Slow: ", b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"]
)
def test_a_request_that_comes_byte_by_byte_is_ended(connect: Open, port: int, start: bytes) -> None:
    slow = connect(start)
    Thread(target=drip, args=[slow], daemon=True).start()
    began = time.monotonic()
    assert ended(slow)
    assert 1 < time.monotonic() - began < 10
    assert answered(port)[0] == b"0"


def test_clients_that_do_not_take_their_answer_hold_no_thread(connect: Open, port: int) -> None:
    for _ in range(4):  # for two threads
        connect(b"GET /long HTTP/1.1\r\n\r\n")
    assert answered(port)[0] == b"0"


def test_idle_connections_give_way_when_there_are_as_many_as_may_be(connect: Open, port: int) -> None:
    idle = [connect(b"GET / HTTP/1.1\r\n\r\n") for _ in range(40)]
    body, seconds = answered(port)
    assert (body, seconds < 10) == (b"0", True)
    assert len(idle) == 40


def test_slow_connections_in_great_number_keep_nobody_out(connect: Open, port: int) -> None:
    for _ in range(40):
        connect(b"GET / HTTP/1.1\r\nX-Slow: ")
    body, seconds = answered(port)
    assert (body, seconds < 10) == (b"0", True)


def test_a_large_request_has_the_time_that_its_bytes_need(connect: Open, port: int) -> None:
    """A client that sends steadily, at some times the slowest speed, is heard to the end."""
    one = connect(b"POST / HTTP/1.1\r\nContent-Length: 150000\r\nConnection: close\r\n\r\n")
    for _ in range(15):
        one.sendall(b"x" * 10_000)
        time.sleep(0.2)
    assert b"150000" in one.recv(65_536)
