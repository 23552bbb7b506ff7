"""What is sent to the console stays in memory; how much may be sent depends on path and sender."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from almoner.casework import connections, server
from almoner.casework.api import receiving, tokens
from almoner.casework.core import request_bodies
from almoner.casework.core.request_bodies import SMALL_BYTES, BodyLimit, limited_parser
from almoner.casework.models import Department
from almoner.casework.server import TIMES_TOO_LARGE, body_limit, options

MOST = 3 * 1024 * 1024
LARGE = b"Mei Fictional" * 1024 * 128  # 1.6 MiB
_OF_PYTEST: set[str] = set()


@pytest.fixture(autouse=True)
def _files_before() -> None:
    _OF_PYTEST.clear()
    _OF_PYTEST.update(temporary_files())


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
    """Answers with what it got, and again and again while the reader is slow."""
    received = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain"), ("X-Files", json.dumps(temporary_files()))])
    if environ["PATH_INFO"] == "/large":
        yield received * 4
    else:
        yield b"%d" % len(received)


def temporary_files() -> list[str]:
    """Files of this process that have no name, as waitress makes its temporary ones; but not pytest's."""
    links = set[str]()
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.add(str(handle.readlink()))
    return sorted({link for link in links if link.endswith("(deleted)")} - _OF_PYTEST)


@contextmanager
def serving(limit_of: request_bodies.LimitOf) -> Iterator[int]:
    server = connections.create(app, "127.0.0.1", 0, limited_parser(limit_of), **options())
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield server.effective_port
    server.task_dispatcher.shutdown()
    server.trigger.pull_trigger(server.close)
    thread.join(10)


def sent(port: int, path: str, body: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asking.request("POST", path, body, headers, encode_chunked=not isinstance(body, bytes))
    answer = asking.getresponse()
    return answer.status, dict(answer.headers), answer.read()


def refused(port: int, path: str, headers: str) -> str:
    """The answer to headers alone: whoever is refused need send no body."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n".encode())
        return b"".join(iter(lambda: raw.recv(65_536), b"")).decode()


def by_path(path: str, headers: Any) -> BodyLimit:
    return BodyLimit(MOST if path.startswith("/large") else SMALL_BYTES, "Send less.")


def test_bodies_and_answers_of_megabytes_are_never_in_a_file() -> None:
    with serving(by_path) as port:
        status, headers, _body = sent(port, "/large-one", LARGE)
        assert (status, headers["X-Files"]) == (200, "[]")
        parts = [LARGE[:500_000], LARGE[500_000:]]
        status, headers, body = sent(port, "/large-one", iter(parts), **{"Transfer-Encoding": "chunked"})
        assert (status, headers["X-Files"], int(body)) == (200, "[]", len(LARGE))
        with socket.create_connection(("127.0.0.1", port)) as slow:
            head = f"POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: {len(LARGE)}\r\n\r\n"
            slow.sendall(head.encode() + LARGE)
            slow.recv(1)  # the answer has begun, and most of it waits for the reader
            time.sleep(0.2)
            assert temporary_files() == []


@pytest.mark.parametrize("path", ["/form", "/api/other"])
def test_what_is_too_large_for_its_path_is_refused_from_its_headers(path: str) -> None:
    with serving(by_path) as port:
        assert sent(port, path, b"x" * SMALL_BYTES)[0] == 200
        for expect in ("", "\r\nExpect: 100-continue"):
            answer = refused(port, path, f"Content-Length: {SMALL_BYTES + 1}{expect}")
            assert answer.startswith("HTTP/1.1 413"), answer
            assert "65,536 bytes. Send less." in answer
            assert ("application/problem+json" in answer) == path.startswith("/api/")
        chunks = iter([b"x" * 30_000] * 3)
        with suppress(OSError):  # cut off while sending
            assert sent(port, path, chunks, **{"Transfer-Encoding": "chunked"})[0] == 413


def test_all_that_is_sent_at_once_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "MOST_AT_ONCE_BYTES", MOST)
    with serving(by_path) as port:
        with socket.create_connection(("127.0.0.1", port)) as first:
            first.sendall(f"POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: {MOST}\r\n\r\n".encode())
            time.sleep(0.2)
            answer = refused(port, "/large", f"Content-Length: {MOST}")
            assert answer.startswith("HTTP/1.1 503")
            assert "Retry-After" in answer
            assert sent(port, "/form", b"x")[0] == 200
        time.sleep(0.2)
        assert sent(port, "/large-again", LARGE)[0] == 200  # what was broken off counts no more


@pytest.mark.django_db
def test_only_who_is_known_may_send_much_and_only_where_it_is_expected(
    worker: User, signed_in: Callable[[User], Client], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "close_old_connections", lambda: None)  # this test's transaction is on one
    Department.objects.create(id="water")
    token = tokens.issue("water", "test")
    cookie = f"a=b; {settings.SESSION_COOKIE_NAME}={signed_in(worker).session.session_key}"
    known = {"AUTHORIZATION": f"Bearer {token}", "COOKIE": cookie}
    files = TIMES_TOO_LARGE * settings.FILE_BYTES
    assert body_limit("/api/events", known).most == receiving.LARGEST_BODY_BYTES
    assert body_limit("/cases/abc/files/", known).most == files
    for path in ("/sign-in/", "/household/", "/queue/assign/", "/api/referrals/a/done", "/x/cases/a/files/"):
        assert body_limit(path, known).most == SMALL_BYTES
    for headers in (
        {},
        {"AUTHORIZATION": f"Bearer {token}x"},
        {"AUTHORIZATION": f"Basic {token}"},
        {"COOKIE": f"{settings.SESSION_COOKIE_NAME}=abcdefghijklmnopqrstuvwxyz012345"},
        {"COOKIE": f"{settings.SESSION_COOKIE_NAME}="},
    ):
        assert body_limit("/api/events", headers).most == SMALL_BYTES
        assert body_limit("/cases/abc/files/", headers).most == SMALL_BYTES
    tokens.revoke("water")
    assert body_limit("/api/events", known).most == SMALL_BYTES
