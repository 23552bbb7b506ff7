"""Keep what is sent to the console in memory, within limits that are known before it is read.

Waitress would write bodies of more than half a megabyte to a temporary file, in clear. Here it writes none.
What a body may have follows from its path and from who sends it: the server decides when it has read the
headers. All large bodies together may have `MOST_AT_ONCE_BYTES`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from waitress.parser import HTTPRequestParser
from waitress.utilities import RequestEntityTooLarge

NO_FILE_BYTES = 2**40  # so much would have to be held before waitress writes a temporary file
SMALL_BYTES = 64 * 1024  # of a form, or of anybody who has not signed in
MOST_AT_ONCE_BYTES = 256 * 1024 * 1024  # of all larger bodies that are being received or answered
RETRY_SECONDS = 10
API = "/api/"


class BodyLimit(NamedTuple):
    """How many bytes the body of a request may have; `advice` says what to do about it."""

    most: int
    advice: str


LimitOf = Callable[[str, Mapping[str, str]], BodyLimit]  # of a path and headers: CONTENT_TYPE, COOKIE ...


class BodyRefused(RequestEntityTooLarge):  # type: ignore[misc]
    """A body that is not read. To the API's callers it is a problem (RFC 9457), as any other there."""

    def __init__(self, path: str, detail: str, *, busy: bool = False) -> None:
        super().__init__(detail)
        self._is_api, self._busy = path.startswith(API), busy
        if busy:
            self.code, self.reason = 503, "Service Unavailable"

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        del ident
        kind, text = "text/plain; charset=utf-8", f"{self.body}\n"
        if self._is_api:
            kind, name = "application/problem+json", "busy" if self._busy else "too-large"
            title = "Not now" if self._busy else "Too large"
            problem = {"type": f"urn:almoner:problem:{name}", "title": title, "status": self.code}
            text = json.dumps(problem | {"detail": self.body})
        headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
        if self._busy:
            headers.append(("Retry-After", str(RETRY_SECONDS)))
        return f"{self.code} {self.reason}", headers, text.encode()


def limited_parser(limit_of: LimitOf) -> type[HTTPRequestParser]:
    """A parser for waitress's channels that refuses bodies beyond their limit before they are read."""
    reserved: WeakKeyDictionary[HTTPRequestParser, int] = WeakKeyDictionary()

    class LimitedParser(HTTPRequestParser):  # type: ignore[misc]
        """Decides on the body when the headers are read."""

        adj: Any

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if self.body_rcv is not None:
                self._limit()

        def _limit(self) -> None:
            limit = limit_of(self.path, self.headers)
            own = copy.copy(self.adj)
            own.max_request_body_size = limit.most + 1  # waitress refuses what reaches it
            self.adj = own
            size = limit.most if self.chunked else self.content_length
            if size > limit.most:
                self._refuse(f"This request may have {limit.most:,} bytes. {limit.advice}")
            elif size > SMALL_BYTES:
                if sum(reserved.values()) + size > MOST_AT_ONCE_BYTES:
                    self._refuse("Too much is being sent at once. Send it again later.", busy=True)
                else:
                    reserved[self] = size

        def _refuse(self, detail: str, *, busy: bool = False) -> None:
            self.error = BodyRefused(self.path, detail, busy=busy)
            self.completed, self.expect_continue = True, False
            self.content_length, self.body_rcv = 0, None

    return LimitedParser
