"""A mail server on the loopback that keeps what it receives, as much of SMTP as a client needs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Serves one connection after the other until the block ends."""
    kept = MailServer()
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept.port = server.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(server, kept))
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: socket.socket, kept: MailServer) -> None:
    while True:
        try:
            connection, _address = server.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as lines:
            _talk(lines, kept)


def _talk(lines: socket.SocketIO | object, kept: MailServer) -> None:
    def say(text: str) -> None:
        lines.write(text.encode() + b"\r\n")  # type: ignore[attr-defined]
        lines.flush()  # type: ignore[attr-defined]

    say("220 mail.example")
    for line in lines:  # type: ignore[attr-defined]
        word = line[:4].upper()
        if word == b"DATA":
            say("354 go on")
            body = b""
            for part in lines:  # type: ignore[attr-defined]
                if part == b".\r\n":
                    break
                body += part.removeprefix(b".") if part.startswith(b"..") else part
            kept.got.append(message_from_bytes(body, policy=policy.default))  # type: ignore[arg-type]
        say("221 bye" if word == b"QUIT" else "250 well")
        if word == b"QUIT":
            return
