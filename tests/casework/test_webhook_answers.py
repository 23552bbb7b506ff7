"""What counts as an answer of a department's system: all of it, in time, and no more than is needed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from almoner.casework.webhooks import posting
from almoner.casework.webhooks.posting import NotAnswered, post


def test_a_receiver_that_drips_is_cut_off_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _address = server.accept()
            with connection:
                try:
                    for _ in range(200):
                        connection.sendall(b"H")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(NotAnswered):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, True)
        assert time.monotonic() - started < 5
        thread.join()


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that reads one request, sends these bytes and closes the connection. Gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                received = b""
                while not received.endswith(b"\r\n\r\n{}"):
                    received += connection.recv(1 << 16)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


WHOLE = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204",
        b"HTTP/1.1 204 No Content\r\n",
        WHOLE + b"Content-Type: text/plain",
        WHOLE + b"Content-Type: text/plain\r\n",
        WHOLE + b"Content-Length: 10\r\n\r\n",
        WHOLE + b"Content-Length: 10\r\n\r\nreceived",
        WHOLE + b"Transfer-Encoding: chunked\r\n\r\n8\r\nrec",
        WHOLE + b"Transfer-Encoding: chunked\r\n\r\n8\r\nreceived\r\n",
        WHOLE + b"Transfer-Encoding: chunked\r\n\r\n8\r\nreceived\r\n0\r\n",
    ],
)
def test_an_answer_that_was_cut_off_is_none(answer: bytes) -> None:
    with answering(answer) as url, pytest.raises(NotAnswered, match="answer cut off"):
        post(url, b"{}", {}, True)


def test_an_answer_is_read_to_its_end_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    chunked = WHOLE + b"Transfer-Encoding: chunked\r\n\r\n8\r\nreceived\r\n0\r\n\r\n"
    for answer in (chunked, WHOLE + b"Content-Length: 8\r\n\r\nreceived", WHOLE + b"\r\nreceived"):
        with answering(answer) as url:
            assert post(url, b"{}", {}, True) == (200, None)
    monkeypatch.setattr(posting, "MOST_BYTES", 1000)
    with answering(WHOLE + b"\r\n" + b"x" * 1001) as url, pytest.raises(NotAnswered, match="too long"):
        post(url, b"{}", {}, True)
