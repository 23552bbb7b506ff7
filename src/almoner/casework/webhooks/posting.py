"""Send one POST to a configured address: with TLS and a timeout, without redirects.

The name is resolved once, and the connection goes to the address that was checked, so that DNS cannot give
another one in between. An answer counts only when it came whole, to its last byte.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Timer
from typing import Any
from urllib.parse import SplitResult

from almoner.casework.webhooks.addresses import PORTS, NameNotFound, addresses_of, parts_of
from almoner.errors import AlmonerError

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 20.0
MOST_BYTES = 1 << 20  # of an answer, which nobody reads


class NotAnswered(AlmonerError):  # noqa: N818 - a state of the other side
    """No answer came; the text names only the kind of failure."""


def post(url: str, body: bytes, headers: Mapping[str, str], private_network: bool) -> tuple[int, str | None]:
    """Send `body` and return the status and the Retry-After header. Raises AddressRefused or NotAnswered."""
    parts = parts_of(url)
    try:
        address = addresses_of(parts, private_network)[0]
    except NameNotFound as error:
        raise NotAnswered(str(error)) from None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with _connected(parts, address) as connection:
            connection.request("POST", target, body, dict(headers))
            answer = connection.getresponse()
            _read_whole(answer)
            return answer.status, answer.headers.get("Retry-After")
    except (_CutOff, http.client.IncompleteRead, ssl.SSLEOFError):
        raise NotAnswered("answer cut off") from None
    except ssl.SSLError:
        raise NotAnswered("TLS failed") from None
    except TimeoutError:
        raise NotAnswered("time-out") from None
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        raise NotAnswered(f"no connection ({type(error).__name__})") from None


class _CutOff(http.client.HTTPException):
    """The connection ended within the answer."""


class _Lines(io.BufferedReader):
    """An answer's status and headers. The standard library takes a connection's end for the end of a line."""

    begun = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        limited = size is not None and 0 <= size <= len(line)
        if not line.endswith(b"\n") and not limited and (line or self.begun):
            raise _CutOff
        self.begun = True
        return line


class _WholeAnswer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = _Lines(self.fp.detach())


def _read_whole(answer: http.client.HTTPResponse) -> None:
    """Read the answer to its end. Raises _CutOff and IncompleteRead before, and NotAnswered when it is too
    long."""
    read = 0
    while data := answer.read(1 << 16):
        read += len(data)
        if read > MOST_BYTES:
            raise NotAnswered("answer too long")
    if answer.length:  # so many bytes were announced and did not come
        raise _CutOff


@contextmanager
def _connected(parts: SplitResult, address: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to `address` for the host's name; it is cut when the whole exchange takes too long."""
    port = parts.port or PORTS[parts.scheme]
    made, late = socket.create_connection((address, port), timeout=CONNECT_SECONDS), Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            made.shutdown(socket.SHUT_RDWR)

    timer = Timer(WHOLE_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        if parts.scheme == "https":
            made = trusted().wrap_socket(
                made,
                server_hostname=parts.hostname,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,  # without TLS's own end, an answer may have been cut off
            )
            try:
                made.do_handshake()
            except ssl.SSLEOFError:
                raise ssl.SSLError("the handshake was broken off") from None
        made.settimeout(WHOLE_SECONDS)
        connection = http.client.HTTPConnection(str(parts.hostname), port)
        connection.sock, connection.response_class = made, _WholeAnswer
        if port == PORTS[parts.scheme]:
            connection.port = connection.default_port  # so that the Host header has no port
        yield connection
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        made.close()


def trusted() -> ssl.SSLContext:
    """The certificate authorities that the machine trusts; `SSL_CERT_FILE` names others."""
    return ssl.create_default_context()
