"""Connections of the console's web server that are slow, idle or many.

Waitress reads all connections in one thread, so a slow one costs no thread before its request is whole.
But it keeps one for ever whose client sends or takes a byte now and then, and takes no new one when it
has as many as it may. Here a request must come, and its answer be taken, at a least speed. How many
connections one client may have is for the proxy to say, because all clients come through it.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

CONNECTIONS = 500  # at once; each needs a file handle, of which a service often has 1,024
IDLE_SECONDS = 30  # of a connection without a request
PATIENCE_SECONDS = 20.0  # over which the speed is taken; less than that is enough for most requests
SLOWEST_BYTES = 5_000  # a second
LOOK_SECONDS = 2  # from one look at all connections to the next


class _Pace:
    """How fast bytes move while they are due, in stretches of `PATIENCE_SECONDS`."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._moved = 0

    def begin(self) -> None:
        """Bytes are due from now on."""
        self._since, self._moved = time.monotonic(), 0

    def move(self, count: int) -> None:
        self._moved += count

    def end(self) -> None:
        """None are due."""
        self._since = None

    @property
    def is_running(self) -> bool:
        return self._since is not None

    def is_too_slow(self) -> bool:
        """Whether the stretch that has just passed, if one has, was too slow. Begins the next one."""
        if self._since is None or time.monotonic() - self._since < PATIENCE_SECONDS:
            return False
        slow = self._moved < PATIENCE_SECONDS * SLOWEST_BYTES
        self.begin()
        return slow


class TimedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows how fast its client sends a request and takes an answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._coming, self._going = _Pace(), _Pace()
        super().__init__(*args, **options)

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = bool(super().received(data))
        if self.request is None:  # the last one came whole
            self._coming.end()
        elif self.request is before:
            self._coming.move(len(data))
        else:
            self._coming.begin()
        return taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent = int(super().send(data, do_close=do_close))
        self._going.move(sent)
        return sent

    def end(self) -> None:
        """End the connection, also while its client takes nothing: waitress alone would wait for that."""
        self.will_close = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def is_too_slow(self) -> bool:
        """Whether its client sends or takes fewer bytes a second than it must."""
        # While an answer is being made, waitress itself holds back what is less than `send_bytes`.
        if self.total_outbufs_len < (self.adj.send_bytes if self.requests else 1):
            self._going.end()
        elif not self._going.is_running:
            self._going.begin()
        return self._coming.is_too_slow() or self._going.is_too_slow()


class TimedServer(TcpWSGIServer):  # type: ignore[misc]
    """A server that ends slow connections, and idle ones at once when it can take no more."""

    channel_class = TimedChannel

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        is_full = len(self._map) >= self.adj.connection_limit
        for channel in self.active_channels.values():
            idle = (
                is_full and not channel.requests and channel.request is None and not channel.total_outbufs_len
            )
            if idle or channel.is_too_slow():
                channel.end()


def create(
    application: Any,
    host: str,
    port: int,
    parser: type[HTTPRequestParser] = HTTPRequestParser,
    **options: Any,
) -> TimedServer | MultiSocketServer:
    """A server of the WSGI application on every address of `host`; `options` are waitress's. `parser` reads
    the requests."""
    own = {
        "connection_limit": CONNECTIONS,
        "channel_timeout": IDLE_SECONDS,
        "cleanup_interval": LOOK_SECONDS,
        "asyncore_use_poll": True,  # `select` knows 1,024 file handles only
    }
    settings = Adjustments(host=host, port=port, **(own | options))
    dispatcher, sockets = ThreadedTaskDispatcher(), dict[int, Any]()
    dispatcher.set_thread_count(settings.threads)
    servers = [
        TimedServer(application, sockets, dispatcher=dispatcher, adj=settings, sockinfo=address)
        for address in settings.listen
    ]

    class ParsingChannel(TimedChannel):
        parser_class = parser

    for server in servers:
        server.channel_class = ParsingChannel
    if len(servers) == 1:
        return servers[0]
    addresses = [(server.effective_host, server.effective_port) for server in servers]
    return MultiSocketServer(sockets, settings, addresses, dispatcher, servers[0].log_info)
